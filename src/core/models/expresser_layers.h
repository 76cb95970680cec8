// The layers of a transformer over packed rows. Each owns its tensors,
// registers them in a ParameterSet under its name, and is a plain function of
// its input.
#pragma once

#include <torch/types.h>

#include <string>
#include <unordered_map>

#include "attention.h"
#include "compute_options.h"
#include "expresser_options.h"
#include "layers.h"

namespace sailer {

// Copies of parameters in bfloat16, shared by all pieces of a minibatch.
// Gradients flow through a copy to its parameter, in the parameter's own type.
class NarrowWeights {
 public:
  at::Tensor of(const at::Tensor& weight);
  void forget() { copies_.clear(); }  // after parameters change

 private:
  std::unordered_map<const void*, at::Tensor> copies_;
};

// How a layer computes in one call.
struct LayerCompute {
  Engine engine = Engine::kFused;
  Precision precision = Precision::kFloat32;  // for matrix products
  double dropout = 0;                         // 0 unless in training
  at::Generator generator;

  // Under bf16: whether layers also pass on bfloat16 rows, as on a GPU, where
  // memory is the bottleneck; and the copies of the weights.
  bool narrow_rows = false;
  NarrowWeights* weights = nullptr;

  bool narrow() const { return precision == Precision::kBf16; }
  // Converts rows to the type that layers pass on.
  at::Tensor rows(const at::Tensor& x) const {
    return narrow_rows ? x.to(at::kBFloat16) : x;
  }
};

// x weight + bias, [n, in] -> [n, out]. Weights are drawn as the context says
// (here Xavier-uniform), biases start at zero.
class Linear {
 public:
  Linear() = default;
  Linear(LayerContext& context, const std::string& name, int64_t in,
         int64_t out);
  at::Tensor operator()(const at::Tensor& x,
                        const LayerCompute& compute = {}) const;

  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }

 private:
  at::Tensor weight_;  // [in, out]
  at::Tensor bias_;    // [out]
};

class LayerNorm {
 public:
  LayerNorm() = default;
  LayerNorm(LayerContext& context, const std::string& name, int64_t size);
  // Means and variances are float32 even if `x` is bfloat16.
  at::Tensor operator()(const at::Tensor& x, const LayerCompute& compute) const;

 private:
  at::Tensor weight_, bias_;
};

// Self-attention and a feed-forward part, each added to its input (Vaswani et
// al. 2017) and normalised before or after (NormLayout). Dropout acts on the
// output of each part and within the feed-forward part, but not on the
// attention weights, which the fused kernels never store.
class EncoderLayer {
 public:
  EncoderLayer() = default;
  EncoderLayer(LayerContext& context, const std::string& name,
               const ExpresserOptions& options);
  // `cells`: the rows of each cell, which attend to one another.
  at::Tensor operator()(const at::Tensor& x, const AttentionRows& cells,
                        const LayerCompute& compute) const;

 private:
  at::Tensor attention(const at::Tensor& x, const AttentionRows& cells,
                       const LayerCompute& compute) const;
  at::Tensor feed_forward(const at::Tensor& x,
                          const LayerCompute& compute) const;

  NormLayout layout_ = NormLayout::kPreNorm;
  int64_t n_heads_ = 1;
  LayerNorm attention_norm_, feed_forward_norm_;
  Linear query_, key_, value_, out_;
  Linear up_, down_;
};

// Returns the rows of `x` at `places`, which must be distinct: [n, d].
at::Tensor take_rows(const at::Tensor& x, const at::Tensor& places);

}  // namespace sailer
