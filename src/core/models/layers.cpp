#include "layers.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "../support/kernels.h"

namespace sailer {
namespace {

constexpr double kLeakySlope = 0.2;   // 2.2.2
constexpr double kPReluStart = 0.25;  // PyTorch's default
constexpr double kBatchNormMomentum = 0.1;
constexpr double kBatchNormEpsilon = 1e-5;

at::Tensor draw_uniform(LayerContext& context, at::IntArrayRef shape,
                        double bound) {
  const at::Tensor value = at::empty(shape, context.options.device(at::kCPU));
  value.uniform_(-bound, bound, context.generator);
  return value.to(context.options.device());
}

// PReLU with one slope: on a CPU LibTorch's own backward pass takes as long as
// a matrix product.
class OneSlope : public torch::autograd::Function<OneSlope> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& x, const at::Tensor& slope) {
    context->save_for_backward({x, slope});
    return at::leaky_relu(x, slope.item<double>());
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext* context,
      torch::autograd::variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor negative = x - at::relu(x);
    return {at::leaky_relu_backward(grad_out[0], x, saved[1].item<double>(),
                                    /*self_is_result=*/false),
            (grad_out[0] * negative).sum().reshape({1})};
  }
};

at::Tensor parametric_relu(const at::Tensor& x, const at::Tensor& slope) {
  return x.device().is_cpu() ? OneSlope::apply(x, slope) : at::prelu(x, slope);
}

}  // namespace

at::Tensor draw_weight(LayerContext& context, at::IntArrayRef shape,
                       int64_t fan_in, int64_t fan_out) {
  const double bound =
      context.initialization == Initialization::kXavier
          ? std::sqrt(6.0 / static_cast<double>(fan_in + fan_out))
          : 1 / std::sqrt(static_cast<double>(fan_in));
  return draw_uniform(context, shape, bound);
}

at::Tensor draw_bias(LayerContext& context, int64_t size, int64_t fan_in) {
  return draw_uniform(context, {size},
                      1 / std::sqrt(static_cast<double>(fan_in)));
}

GroupedLinear::GroupedLinear(LayerContext& context, const std::string& name,
                             int64_t groups, int64_t in, int64_t out) {
  ParameterSet& set = *context.parameters;
  weight_ = set.add_parameter(name + ".weight",
                              draw_weight(context, {groups, in, out}, in, out));
  bias_ =
      set.add_parameter(name + ".bias", draw_bias(context, groups * out, in));
}

at::Tensor GroupedLinear::operator()(const at::Tensor& x) const {
  const int64_t groups = weight_.size(0), in = weight_.size(1);
  const int64_t out = weight_.size(2), n = x.size(0);
  if (groups == 1) return at::addmm(bias_, x, weight_.squeeze(0));
  const at::Tensor by_group = x.view({n, groups, in}).transpose(0, 1);
  const at::Tensor y = at::bmm(by_group, weight_);
  return y.transpose(0, 1).reshape({n, groups * out}) + bias_;
}

void GroupedLinear::start_small(double factor, const at::Tensor& bias) {
  const at::NoGradGuard no_grad;
  weight_.mul_(factor);
  bias_.copy_(bias);
}

HiddenBlock::HiddenBlock(LayerContext& context, const std::string& name,
                         int64_t size, double dropout)
    : activation_(context.activation), dropout_(dropout) {
  ParameterSet& set = *context.parameters;
  weight_ = set.add_parameter(name + ".norm.weight",
                              at::ones({size}, context.options));
  bias_ = set.add_parameter(name + ".norm.bias",
                            at::zeros({size}, context.options));
  running_mean_ =
      set.add_buffer(name + ".norm.mean", at::zeros({size}, context.options));
  running_variance_ = set.add_buffer(name + ".norm.variance",
                                     at::ones({size}, context.options));
  if (activation_ == Activation::kPRelu) {
    slope_ = set.add_parameter(name + ".slope",
                               at::full({1}, kPReluStart, context.options));
  }
}

at::Tensor HiddenBlock::operator()(const at::Tensor& x, bool training,
                                   const at::Generator& generator) const {
  at::Tensor y = at::batch_norm(x, weight_, bias_, running_mean_,
                                running_variance_, training, kBatchNormMomentum,
                                kBatchNormEpsilon, /*cudnn_enabled=*/false);
  y = activation_ == Activation::kPRelu ? parametric_relu(y, slope_)
                                        : at::leaky_relu(y, kLeakySlope);
  return training ? dropout(y, dropout_, generator) : y;
}

at::Tensor dropout(const at::Tensor& x, double rate,
                   const at::Generator& generator) {
  if (rate <= 0) return x;
  const bool narrow = x.scalar_type() == at::kBFloat16;
  at::Tensor keep = at::empty_like(x, at::MemoryFormat::Contiguous).detach();
  if (!x.device().is_cpu()) {
    keep.bernoulli_(1 - rate, generator);
    // In bfloat16 a factor like 1 / 0.9 would be off by 0.2 %: it is multiplied
    // by in float, and what comes out is rounded.
    if (narrow) return (x * keep).mul_(1 / (1 - rate));
    return x * keep.div_(1 - rate);
  }
  if (narrow) keep = keep.to(at::kFloat);
  // One number from the generator and a hash: LibTorch's bernoulli_ takes
  // longer than all the rest of a layer.
  const int64_t seed =
      at::empty({}, at::kLong).random_(generator).item<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(keep.scalar_type(), "dropout", [&] {
    kernels::dropout_mask(keep.data_ptr<scalar_t>(), keep.numel(), rate,
                          static_cast<uint64_t>(seed));
  });
  return narrow ? (x * keep).to(x.scalar_type()) : x * keep;
}

}  // namespace sailer
