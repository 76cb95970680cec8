// The layers of a transformer over packed rows. Each owns its tensors,
// registers them in a ParameterSet under its name, and is a plain function of
// its input.
#pragma once

#include <torch/types.h>

#include <string>

#include "attention.h"
#include "compute_options.h"
#include "expresser_options.h"
#include "layers.h"

namespace sailer {

// How a layer computes in one call.
struct LayerCompute {
  Engine engine = Engine::kFused;
  Precision precision = Precision::kFloat32;  // of matrix products
  double dropout = 0;                         // 0 unless in training
  at::Generator generator;
};

// x weight + bias, [n, in] -> [n, out]. Xavier-uniform weights as the context
// says, biases zero.
class Linear {
 public:
  Linear() = default;
  Linear(LayerContext& context, const std::string& name, int64_t in,
         int64_t out);
  at::Tensor operator()(const at::Tensor& x, Precision precision) const;

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
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_, bias_;
};

// Self-attention and a feed-forward part, each added to what it read (Vaswani
// et al. 2017), normalised before or after (NormLayout). Dropout acts on what
// each part adds and within the feed-forward part, not on the attention's
// weights, which the fused kernels never hold.
class EncoderLayer {
 public:
  EncoderLayer() = default;
  EncoderLayer(LayerContext& context, const std::string& name,
               const ExpresserOptions& options);
  at::Tensor operator()(const at::Tensor& x, const Segments& cells,
                        const LayerCompute& compute) const;

 private:
  at::Tensor attention(const at::Tensor& x, const Segments& cells,
                       const LayerCompute& compute) const;
  at::Tensor feed_forward(const at::Tensor& x,
                          const LayerCompute& compute) const;

  NormLayout layout_ = NormLayout::kPreNorm;
  int64_t n_heads_ = 1;
  LayerNorm attention_norm_, feed_forward_norm_;
  Linear query_, key_, value_, out_;
  Linear up_, down_;
};

// Rows of `x` at `places`, each at most once: [n, d].
at::Tensor take_rows(const at::Tensor& x, const at::Tensor& places);

// x b in the given precision, [n, m] [m, k]: bf16 takes float32 in and out.
at::Tensor multiply(const at::Tensor& x, const at::Tensor& b,
                    Precision precision);

}  // namespace sailer
