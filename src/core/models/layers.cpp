#include "layers.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "../support/kernels.h"

namespace sailer {
namespace {

constexpr double kLeakySlope = 0.2;   // thesis 2.2.2
constexpr double kPReluStart = 0.25;  // PyTorch's default

at::Tensor draw_uniform(LayerContext& context, at::IntArrayRef shape,
                        double bound) {
  const at::Tensor value = at::empty(shape, context.options.device(at::kCPU));
  value.uniform_(-bound, bound, context.generator);
  return value.to(context.options.device());
}

// PReLU with a single slope, because on a CPU LibTorch's own backward pass
// takes as long as a matrix product.
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
  norm_.weight = set.add_parameter(name + ".norm.weight",
                                   at::ones({size}, context.options));
  norm_.bias = set.add_parameter(name + ".norm.bias",
                                 at::zeros({size}, context.options));
  norm_.running_mean =
      set.add_buffer(name + ".norm.mean", at::zeros({size}, context.options));
  norm_.running_variance = set.add_buffer(name + ".norm.variance",
                                          at::ones({size}, context.options));
  if (activation_ == Activation::kPRelu) {
    slope_ = set.add_parameter(name + ".slope",
                               at::full({1}, kPReluStart, context.options));
  }
}

at::Tensor HiddenBlock::operator()(const at::Tensor& x, bool training,
                                   const at::Generator& generator,
                                   const BatchPart& part) const {
  at::Tensor y =
      training && !part.is_whole()
          ? batch_norm_of_all(x, norm_, part)
          : at::batch_norm(x, norm_.weight, norm_.bias, norm_.running_mean,
                           norm_.running_variance, training, norm_.momentum,
                           norm_.epsilon, /*cudnn_enabled=*/false);
  y = activation_ == Activation::kPRelu ? parametric_relu(y, slope_)
                                        : at::leaky_relu(y, kLeakySlope);
  return training ? dropout(y, dropout_, generator, part) : y;
}

at::Tensor dropout(const at::Tensor& x, double rate,
                   const at::Generator& generator, const BatchPart& part) {
  if (rate <= 0) return x;
  const bool on_cpu = x.device().is_cpu();
  const bool narrow = x.scalar_type() == at::kBFloat16;
  at::Tensor keep =
      at::empty(part.whole_shape(x.sizes()),
                on_cpu && narrow ? x.options().dtype(at::kFloat) : x.options());
  if (!on_cpu) {
    keep.bernoulli_(1 - rate, generator);
    // In bfloat16 a factor like 1 / 0.9 would be off by 0.2 %, so the product
    // is computed in float and then rounded.
    if (narrow) return (x * part.own(keep)).mul_(1 / (1 - rate));
    return x * part.own(keep.div_(1 - rate));
  }
  // Hashes a single number from the generator, because LibTorch's bernoulli_
  // takes longer than the rest of a layer.
  const int64_t seed =
      at::empty({}, at::kLong).random_(generator).item<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(keep.scalar_type(), "dropout", [&] {
    kernels::dropout_mask(keep.data_ptr<scalar_t>(), keep.numel(), rate,
                          static_cast<uint64_t>(seed));
  });
  const at::Tensor kept = x * part.own(keep);
  return narrow ? kept.to(x.scalar_type()) : kept;
}

}  // namespace sailer
