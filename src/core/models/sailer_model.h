// SAILER: an invariant variational autoencoder of binary accessibility
// (thesis 2.2.1, 2.2.2 and, for the chromosome architecture, 3.2).
//
//   encoder   peaks -> hidden[0] per group -> ... -> hidden[last] per group
//             -> mean and log variance of z; with a warm start the peaks also
//             contribute to the mean directly, by a linear path
//   decoder   [z, c] -> hidden[last] per group -> ... -> hidden[0] per group
//             -> one logit per peak; or directly with Decoder::kLinear
//
// The first layer of a joint SAILERX model reads the reference along with the
// peaks, followed by a 1 for cells that have one; all zeros for cells without.
//
// Every hidden layer is Linear, BatchNorm and an activation: LeakyReLU(0.2) in
// the dense architecture (a single group), PReLU in the chromosome one.
#pragma once

#include <torch/types.h>

#include <vector>

#include "../data/stream/sparse_batch.h"
#include "../support/adam_update.h"
#include "batch_part.h"
#include "compute_options.h"
#include "layers.h"
#include "peak_layout.h"
#include "reconstruction.h"
#include "sailer_options.h"

namespace sailer {

struct Posterior {
  at::Tensor mean;          // [B, d]
  at::Tensor log_variance;  // [B, d]
};

// The parts of the objective, means over the cells of a minibatch, unweighted.
// `total` is what is minimised:
//   beta kl + beta lambda marginal + (1 + lambda) reconstruction.
// It also has + alignment * its term with a reference embedding (SAILERX), and
// + mixing * the label information unless the encoder is frozen. Deterministic
// steps have neither the KL terms nor mixing. For a part of a minibatch these
// are its shares of the terms of the whole (BatchPart).
struct SailerLoss {
  at::Tensor total, reconstruction, kl, marginal, alignment, mixing;
};

// How z is obtained and what is trained in a training step.
struct LossOptions {
  double beta = 1;              // weight of the KL terms
  bool deterministic = false;   // z is the mean: the warm-up without sampling
  bool encoder_frozen = false;  // all of the encoder but the log variance
  BatchPart part = {};          // the part of the minibatch in `batch`
};

// Updates of the parameters that take nearly all of a model's memory. If they
// are passed to a step, its layers apply them themselves (see AdamUpdate).
struct SailerUpdates {
  AdamUpdate input_weight;   // encoder.0.weight
  AdamUpdate output_weight;  // decoder.output.weight
  AdamUpdate output_bias;    // decoder.output.bias
};

class SailerModel {
 public:
  static constexpr const char* kInputWeight = "encoder.0.weight";
  static constexpr const char* kReferenceWeight = "encoder.reference.weight";
  static constexpr const char* kOutputWeight = "decoder.output.weight";
  static constexpr const char* kOutputBias = "decoder.output.bias";

  // Parameters are drawn from `seed` on the CPU and moved to `device`; `type`
  // is float, or double in tests. `peak_frequencies` (share of the training
  // cells with each peak open, in the layout's order; may be empty) initialise
  // the output biases, so that training need not learn them first, and set the
  // weights of InputScale::kTfIdf. `reference_width` is that of the reference
  // embedding, 0 without one.
  SailerModel(const SailerOptions& options, const PeakLayout& layout,
              int64_t n_confounders,
              const std::vector<double>& peak_frequencies, uint64_t seed,
              const at::Device& device = at::kCPU,
              at::ScalarType type = at::kFloat, int64_t reference_width = 0);

  // Returns q(z | x). In training, batch statistics and dropout are used.
  Posterior encode(const SparseBatch& batch, bool training) const;

  // The input of the last layer: [B, groups of output_layout() * its width].
  at::Tensor decode_hidden(const at::Tensor& z, const at::Tensor& confounders,
                           bool training, const BatchPart& part = {}) const;

  // Returns the objective of a training minibatch (eq. 2.5-2.6).
  //   updates            only with Engine::kFused on the CPU: the output layer
  //                      is updated before this returns, the input layer by
  //                      backward() from `total`; neither gets a gradient.
  //                      Throws as reconstruction_loss() does.
  SailerLoss loss(const SparseBatch& batch, const LossOptions& options,
                  const SailerUpdates* updates = nullptr) const;

  // Initialises the linear path: the mean of z is `loadings` [P, d] times the
  // scaled input, plus `shift` [d], and the log variance is `log_variance` [d].
  // The contribution of the hidden layers is made small. Throws
  // Error(kArgument) for models without a warm start.
  void start_linear_path(const at::Tensor& loadings, const at::Tensor& shift,
                         const at::Tensor& log_variance);

  // Sets the linear path's weights [r + 1, d] of a cell's reference and 1.
  // Throws Error(kArgument) unless the model is joint and has a warm start.
  void start_reference_path(const at::Tensor& weight);

  // Seeds the random numbers of the next step: noise and dropout.
  void start_step(uint64_t seed);

  // Means per cell, without dropout, of the plain Bernoulli model (omega
  // divided out): the log-likelihood at the posterior mean, the KL to the
  // prior, and the evidence lower bound estimated at one sample of z.
  struct Evaluation {
    double log_likelihood = 0, kl = 0, elbo = 0;
    double alignment = 0;  // over the pairs of the batch; 0 without a reference
  };
  Evaluation evaluate(const SparseBatch& batch,
                      const at::Generator& generator) const;

  // The last layer: [P, width of a group] and [P].
  const at::Tensor& output_weight() const { return output_weight_; }
  const at::Tensor& output_bias() const { return output_bias_; }

  ParameterSet& parameters() { return parameters_; }
  const SailerOptions& options() const { return options_; }
  // Sets how the model computes from now on. bf16 applies only to training:
  // reported values are computed in float32.
  void set_compute(const ComputeOptions& compute) { compute_ = compute; }
  const ComputeOptions& compute() const { return compute_; }
  const PeakLayout& layout() const { return layout_; }
  // Groups of peaks that share inputs of the last layer.
  const PeakLayout& output_layout() const { return output_layout_; }
  int64_t n_confounders() const { return n_confounders_; }
  at::TensorOptions tensor_options() const { return tensor_options_; }

  // Generates the noise and dropout of training; on the model's device.
  at::Generator& generator() { return generator_; }

 private:
  at::Tensor sample(const Posterior& posterior, const at::Generator& generator,
                    const BatchPart& part = {}) const;
  // The input of the heads, and the linear path's contribution to the mean
  // (undefined without one).
  struct Encoded {
    at::Tensor hidden, linear;
  };
  Encoded encode_hidden(const SparseBatch& batch, bool training,
                        const AdamUpdate* update, const BatchPart& part) const;
  Posterior encode_from(const SparseBatch& batch, bool training,
                        const AdamUpdate* update, bool frozen = false,
                        const BatchPart& part = {}) const;
  at::Tensor first_layer(const SparseBatch& batch,
                         const AdamUpdate* update) const;
  at::Tensor scale_of_cells(const SparseBatch& batch) const;
  int64_t first_width() const;
  int64_t hidden_width() const;
  bool by_tensors() const;
  at::Tensor reconstruct(const at::Tensor& hidden, const SparseBatch& batch,
                         ReconstructionOptions options,
                         const OutputUpdates* updates) const;
  double log_likelihood(const at::Tensor& z, const SparseBatch& batch) const;
  at::Tensor alignment(const at::Tensor& mean, const SparseBatch& batch,
                       bool weighted, const BatchPart& part = {}) const;
  at::Tensor mixing(const at::Tensor& z, const SparseBatch& batch,
                    const LossOptions& options) const;
  at::Tensor marginal_divergence(const at::Tensor& z, const Posterior& all,
                                 const BatchPart& part) const;
  at::Tensor seen_reference(const SparseBatch& batch, bool training,
                            const BatchPart& part) const;
  void build_encoder(LayerContext& context);
  void build_decoder(LayerContext& context,
                     const std::vector<double>& peak_frequencies);

  SailerOptions options_;
  ComputeOptions compute_;
  PeakLayout layout_;
  PeakLayout output_layout_;
  int64_t n_confounders_;
  int64_t reference_width_;
  at::TensorOptions tensor_options_;
  at::Generator generator_;
  ParameterSet parameters_;

  // [P, first_width()]: to hidden[0] units, then to the mean of z. It starts
  // out with peak weights as factors: the input is 0 or 1 times the cell's
  // scale.
  at::Tensor input_weight_;
  at::Tensor input_bias_;   // [groups * hidden[0]]
  at::Tensor peak_weight_;  // [P, 1], with InputScale::kTfIdf
  // [r + 1, groups * hidden[0], then the mean of z], if joint
  at::Tensor reference_weight_;
  std::vector<GroupedLinear> encoder_;  // hidden[k] -> hidden[k + 1]
  std::vector<HiddenBlock> encoder_blocks_;
  GroupedLinear mean_head_, log_variance_head_;
  std::vector<GroupedLinear> decoder_;
  std::vector<HiddenBlock> decoder_blocks_;
  at::Tensor output_weight_, output_bias_;  // [P, width read], [P]
};

}  // namespace sailer
