// The layers that a model is made of. Each owns its tensors, registers them in
// a ParameterSet under its name, and is a plain function of its input.
#pragma once

#include <torch/types.h>

#include <string>

#include "../support/parameters.h"
#include "batch_part.h"

namespace sailer {

enum class Initialization {
  kKaiming,  // PyTorch's default for linear layers: U(+-1 / sqrt(fan in))
  kXavier    // Xavier-uniform weights; biases as above
};

enum class Activation { kLeakyRelu, kPRelu };

// Where random numbers come from and where new tensors are put. Initial values
// are drawn on the CPU, so they do not depend on the device.
struct LayerContext {
  ParameterSet* parameters;
  at::Generator generator;
  at::TensorOptions options;
  Initialization initialization = Initialization::kKaiming;
  Activation activation = Activation::kLeakyRelu;  // of hidden blocks
};

// Draws a weight of `shape` with the given fans as the context says.
at::Tensor draw_weight(LayerContext& context, at::IntArrayRef shape,
                       int64_t fan_in, int64_t fan_out);
at::Tensor draw_bias(LayerContext& context, int64_t size, int64_t fan_in);

// One linear map per group: [B, groups * in] -> [B, groups * out]. With one
// group it is the ordinary linear layer.
class GroupedLinear {
 public:
  GroupedLinear() = default;
  GroupedLinear(LayerContext& context, const std::string& name, int64_t groups,
                int64_t in, int64_t out);
  at::Tensor operator()(const at::Tensor& x) const;

  // Multiplies the weight by `factor` and sets the bias [groups * out].
  void start_small(double factor, const at::Tensor& bias);

 private:
  at::Tensor weight_;  // [groups, in, out]
  at::Tensor bias_;    // [groups * out]
};

// BatchNorm, activation and dropout: what follows every hidden linear layer.
class HiddenBlock {
 public:
  HiddenBlock() = default;
  HiddenBlock(LayerContext& context, const std::string& name, int64_t size,
              double dropout);

  // In training, the statistics of the whole minibatch are used and the running
  // ones are updated; dropout draws from `generator`.
  at::Tensor operator()(const at::Tensor& x, bool training,
                        const at::Generator& generator,
                        const BatchPart& part = {}) const;

 private:
  BatchNorm norm_;
  at::Tensor slope_;
  Activation activation_ = Activation::kLeakyRelu;
  double dropout_ = 0;
};

// Zeroes entries with probability `rate`; scales the others by 1 / (1 - rate).
at::Tensor dropout(const at::Tensor& x, double rate,
                   const at::Generator& generator, const BatchPart& part = {});

}  // namespace sailer
