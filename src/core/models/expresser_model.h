// Expresser, the expression transformer (thesis 4.2.2).
//
//   encoder   tokens of a cell's genes, without their expression -> layers of
//             self-attention -> contextual tokens T'
//   decoder   Q of the masked tokens, K of the observed ones, V of the observed
//             expressions -> attention -> MLP([., L]) -> softplus
//
// With Expression::kCounts the masked token is added to the attention's output,
// and the last step is log(1 + 10,000 expected count / depth), given the depth,
// instead of softplus.
//
// Tokens are components of the training cells next to learned values, or all
// learned (TokenStart).
//
// Without the decoder ("w/o Decoder") one more encoder layer reads T' and the
// observed expressions, with a mask token in place of masked ones.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "../data/stream/batch_genes.h"
#include "attention.h"
#include "compute_options.h"
#include "expresser_layers.h"
#include "expresser_options.h"

namespace sailer {

class ExpresserModel {
 public:
  static constexpr const char* kGeneEmbedding = "genes.weight";
  static constexpr const char* kGeneComponents = "genes.components";

  // Parameters are drawn from `seed` on the CPU and moved to `device`; `type`
  // is float, or double in tests. Predictions start near `mean_expression`,
  // which must be above 0, so that training need not learn it first; with
  // counts they start at the levels of start_at().
  ExpresserModel(const ExpresserOptions& options, int64_t n_genes,
                 uint64_t seed, const at::Device& device = at::kCPU,
                 at::ScalarType type = at::kFloat, double mean_expression = 1);

  // Sets the initial state (expresser_start.h): the components of each gene
  // [genes, n_components], and the logarithm of its mean count in excess of 1,
  // [genes]. An argument that the options do not use is ignored.
  void start_at(const at::Tensor& components, const at::Tensor& levels);

  // Returns the contextual tokens T' [tokens, d]. In training, dropout draws
  // from the generator that start_step() seeded.
  at::Tensor encode(const GeneBatch& batch, bool training) const;

  // Returns the predicted expression of the masked tokens [masked], in units of
  // log(1 + 10,000 share).
  at::Tensor predict(const GeneBatch& batch, bool training) const;

  // Returns the means of T' over the tokens of each cell [cells, d], all of
  // which must be observed. With `expression`, T' first passes through the
  // decoder, or the layer in its place, and so reflects each gene's level.
  at::Tensor embed(const GeneBatch& batch, bool expression = false) const;

  // The learned part of the static table T [genes, d - n_components].
  const at::Tensor& gene_embedding() const { return genes_; }

  // Seeds the dropout of the next step and discards the bfloat16 copies of the
  // parameters, which must not change within a step.
  void start_step(uint64_t seed) {
    generator_.set_current_seed(seed);
    narrow_.forget();
  }

  void set_compute(const ComputeOptions& compute);
  ParameterSet& parameters() { return parameters_; }
  const ExpresserOptions& options() const { return options_; }
  TokenOptions token_options() const;
  int64_t n_genes() const { return genes_.size(0); }
  at::TensorOptions tensor_options() const { return tensor_options_; }

 private:
  at::Tensor tokens_of(const GeneBatch& batch) const;
  at::Tensor expressions_of(const at::Tensor& bins,
                            const GeneBatch& batch) const;
  at::Tensor decode(const at::Tensor& tokens, const at::Tensor& places,
                    const Segments& masked_of, const GeneBatch& batch,
                    const LayerCompute& compute) const;
  at::Tensor mix(const at::Tensor& tokens, const GeneBatch& batch,
                 const LayerCompute& compute) const;
  LayerCompute compute_of(bool training) const;

  ExpresserOptions options_;
  ComputeOptions compute_;
  at::TensorOptions tensor_options_;
  at::Generator generator_;
  ParameterSet parameters_;
  mutable NarrowWeights narrow_;  // for the current step

  bool counts() const { return options_.expression == Expression::kCounts; }

  at::Tensor components_;    // [genes, n_components], not learned
  at::Tensor genes_, bins_;  // [genes, d - n_components], [bins, d]
  at::Tensor levels_;        // [genes], with counts
  Linear amount_;            // of value and log count, added to the bins
  std::vector<EncoderLayer> layers_;
  LayerNorm final_norm_;

  Linear query_, key_, value_, out_;  // of the decoder
  at::Tensor mask_token_;             // of the ablation
  EncoderLayer mixing_;
  LayerNorm mixing_norm_;
  Linear head_[3];
};

}  // namespace sailer
