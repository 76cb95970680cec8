// Expresser, the expression transformer (thesis 4.2.2).
//
//   encoder   tokens of a cell's genes, without their expression -> layers of
//             self-attention -> contextual tokens T'
//   decoder   Q of the masked tokens, K of the observed ones, V of the observed
//             expressions -> attention -> MLP([., L]) -> softplus
//
// Without the decoder ("w/o Decoder") one more encoder layer reads T' and the
// observed expressions, with a token of its own where one is masked.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "../data/batch_genes.h"
#include "attention.h"
#include "compute_options.h"
#include "expresser_layers.h"
#include "expresser_options.h"

namespace sailer {

class ExpresserModel {
 public:
  static constexpr const char* kGeneEmbedding = "genes.weight";

  // Parameters are drawn from `seed` on the CPU and put on `device`; `type` is
  // float, or double in tests. Predictions start near `mean_expression`, above
  // 0, so that training need not learn it first.
  ExpresserModel(const ExpresserOptions& options, int64_t n_genes,
                 uint64_t seed, const at::Device& device = at::kCPU,
                 at::ScalarType type = at::kFloat, double mean_expression = 1);

  // Contextual tokens T' [tokens, d]. In training dropout draws from the
  // generator that start_step() seeded.
  at::Tensor encode(const GeneBatch& batch, bool training) const;

  // Expression of the masked tokens [masked], in units of log(1 + 10,000
  // share).
  at::Tensor predict(const GeneBatch& batch, bool training) const;

  // Means of T' over the tokens of each cell [cells, d].
  at::Tensor embed(const GeneBatch& batch) const;

  // The static table T [genes, d].
  const at::Tensor& gene_embedding() const { return genes_; }

  // Seeds the dropout of the next step.
  void start_step(uint64_t seed) { generator_.set_current_seed(seed); }

  void set_compute(const ComputeOptions& compute);
  ParameterSet& parameters() { return parameters_; }
  const ExpresserOptions& options() const { return options_; }
  TokenOptions token_options() const;
  int64_t n_genes() const { return genes_.size(0); }
  at::TensorOptions tensor_options() const { return tensor_options_; }

 private:
  at::Tensor decode(const at::Tensor& tokens, const GeneBatch& batch,
                    const LayerCompute& compute) const;
  at::Tensor decode_by_layer(const at::Tensor& tokens, const GeneBatch& batch,
                             const LayerCompute& compute) const;
  LayerCompute compute_of(bool training) const;

  ExpresserOptions options_;
  ComputeOptions compute_;
  at::TensorOptions tensor_options_;
  at::Generator generator_;
  ParameterSet parameters_;

  at::Tensor genes_, bins_;  // [genes, d], [bins, d]
  std::vector<EncoderLayer> layers_;
  LayerNorm final_norm_;

  Linear query_, key_, value_, out_;  // of the decoder
  at::Tensor mask_token_;             // of the ablation
  EncoderLayer mixing_;
  LayerNorm mixing_norm_;
  Linear head_[3];
};

}  // namespace sailer
