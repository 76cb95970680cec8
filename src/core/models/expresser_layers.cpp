#include "expresser_layers.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace sailer {
namespace {

constexpr double kNormEpsilon = 1e-5;

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Like index_select(), but the gradient is copied rather than summed, because
// each place occurs only once. On a CPU that is many times faster.
class TakeRows : public torch::autograd::Function<TakeRows> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& places) {
    context->save_for_backward({places});
    context->saved_data["n"] = x.size(0);
    return x.index_select(0, places);
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const at::Tensor places = context->get_saved_variables()[0];
    const at::Tensor& g = grad_out[0];
    at::Tensor out =
        at::zeros({context->saved_data["n"].toInt(), g.size(1)}, g.options());
    out.index_copy_(0, places, g);
    return {out, at::Tensor()};
  }
};

}  // namespace

at::Tensor take_rows(const at::Tensor& x, const at::Tensor& places) {
  return TakeRows::apply(x, places);
}

at::Tensor NarrowWeights::of(const at::Tensor& weight) {
  // Not kept: gradients cannot flow through a copy that is made without them.
  if (!at::GradMode::is_enabled()) return weight.to(at::kBFloat16);
  at::Tensor& copy = copies_[weight.unsafeGetTensorImpl()];
  if (!copy.defined()) copy = weight.to(at::kBFloat16);
  return copy;
}

Linear::Linear(LayerContext& context, const std::string& name, int64_t in,
               int64_t out) {
  ParameterSet& set = *context.parameters;
  weight_ = set.add_parameter(name + ".weight",
                              draw_weight(context, {in, out}, in, out));
  bias_ = set.add_parameter(name + ".bias", at::zeros({out}, context.options));
}

at::Tensor Linear::operator()(const at::Tensor& x,
                              const LayerCompute& compute) const {
  if (!compute.narrow()) return at::addmm(bias_, x, weight_);
  const at::Tensor narrow = x.to(at::kBFloat16);
  const at::Tensor weight = compute.weights->of(weight_);
  if (compute.narrow_rows) {
    return at::addmm(compute.weights->of(bias_), narrow, weight);
  }
  return at::mm(narrow, weight).to(x.scalar_type()) + bias_;
}

LayerNorm::LayerNorm(LayerContext& context, const std::string& name,
                     int64_t size) {
  ParameterSet& set = *context.parameters;
  weight_ =
      set.add_parameter(name + ".weight", at::ones({size}, context.options));
  bias_ = set.add_parameter(name + ".bias", at::zeros({size}, context.options));
}

at::Tensor LayerNorm::operator()(const at::Tensor& x,
                                 const LayerCompute& compute) const {
  const bool narrow = x.scalar_type() == at::kBFloat16;
  return at::layer_norm(
      x, {x.size(1)}, narrow ? compute.weights->of(weight_) : weight_,
      narrow ? compute.weights->of(bias_) : bias_, kNormEpsilon);
}

EncoderLayer::EncoderLayer(LayerContext& context, const std::string& name,
                           const ExpresserOptions& options)
    : layout_(options.layout), n_heads_(options.n_heads) {
  const int64_t d = options.n_embedding, units = options.feed_forward_units();
  attention_norm_ = LayerNorm(context, name + ".attention.norm", d);
  query_ = Linear(context, name + ".attention.query", d, d);
  key_ = Linear(context, name + ".attention.key", d, d);
  value_ = Linear(context, name + ".attention.value", d, d);
  out_ = Linear(context, name + ".attention.out", d, d);
  feed_forward_norm_ = LayerNorm(context, name + ".feed_forward.norm", d);
  up_ = Linear(context, name + ".feed_forward.up", d, units);
  down_ = Linear(context, name + ".feed_forward.down", units, d);
}

at::Tensor EncoderLayer::attention(const at::Tensor& x,
                                   const AttentionRows& cells,
                                   const LayerCompute& compute) const {
  const at::Tensor mixed =
      attend(query_(x, compute), key_(x, compute), value_(x, compute), cells,
             {n_heads_, compute.engine});
  return dropout(out_(mixed, compute), compute.dropout, compute.generator);
}

at::Tensor EncoderLayer::feed_forward(const at::Tensor& x,
                                      const LayerCompute& compute) const {
  const at::Tensor hidden = up_(x, compute);
  const at::Tensor active = dropout(
      layout_ == NormLayout::kPostNorm ? at::relu(hidden) : at::gelu(hidden),
      compute.dropout, compute.generator);
  return dropout(down_(active, compute), compute.dropout, compute.generator);
}

at::Tensor EncoderLayer::operator()(const at::Tensor& x,
                                    const AttentionRows& cells,
                                    const LayerCompute& compute) const {
  if (layout_ == NormLayout::kPostNorm) {
    const at::Tensor y =
        attention_norm_(x + attention(x, cells, compute), compute);
    return feed_forward_norm_(y + feed_forward(y, compute), compute);
  }
  const at::Tensor y =
      x + attention(attention_norm_(x, compute), cells, compute);
  return y + feed_forward(feed_forward_norm_(y, compute), compute);
}

}  // namespace sailer
