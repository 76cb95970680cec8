#include "batch_part.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct SavedPart : torch::CustomClassHolder {
  BatchPart part;
};

void save_part(AutogradContext* context, const BatchPart& part) {
  auto saved = c10::make_intrusive<SavedPart>();
  saved->part = part;
  context->saved_data["part"] = c10::IValue::make_capsule(saved);
}

BatchPart saved_part(AutogradContext* context) {
  const auto holder = context->saved_data["part"].toCapsule();
  return static_cast<const SavedPart*>(holder.get())->part;
}

class GatherRows : public torch::autograd::Function<GatherRows> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& own,
                            const BatchPart& part) {
    save_part(context, part);
    const at::Tensor all =
        at::zeros(part.whole_shape(own.sizes()), own.options());
    part.own(all).copy_(own);
    part.exchange->sum(all);
    return all;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const BatchPart part = saved_part(context);
    const at::Tensor all =
        grad_out[0].clone(at::MemoryFormat::Contiguous).detach();
    part.exchange->sum(all);
    return {part.own(all), at::Tensor()};
  }
};

// The mean of all rows and the sum of squared deviations from it, each [h].
struct Spread {
  at::Tensor mean, squares;
};

// Combines the values of the processes (Chan, Golub and LeVeque 1983), because
// plain sums of squares would lose digits of a mean far from 0.
Spread spread_of_all(const at::Tensor& x, const BatchPart& part) {
  const int64_t rank = part.exchange->rank(), width = x.size(1);
  const auto n = static_cast<double>(part.n);
  const at::Tensor each =
      at::zeros({part.exchange->size(), 3, width}, x.options());
  const at::Tensor own = each[rank];
  const at::Tensor mean = x.sum(0) / std::max(n, 1.0);
  own[0].fill_(n);
  own[1].copy_(mean);
  own[2].copy_((x - mean).square().sum(0));
  part.exchange->sum(each);
  const at::Tensor counts = each.select(1, 0), means = each.select(1, 1);
  const at::Tensor all =
      (counts * means).sum(0) / static_cast<double>(part.n_all);
  const at::Tensor between = (counts * (means - all).square()).sum(0);
  return {all, each.select(1, 2).sum(0) + between};
}

class BatchNormOfAll : public torch::autograd::Function<BatchNormOfAll> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const BatchNorm& norm, const BatchPart& part) {
    const auto n = static_cast<double>(part.n_all);
    const Spread spread = spread_of_all(x, part);
    const auto move = [&](at::Tensor running, const at::Tensor& now) {
      running.mul_(1 - norm.momentum).add_(now, norm.momentum);
    };
    move(norm.running_mean, spread.mean);
    move(norm.running_variance, spread.squares / (n - 1));
    const at::Tensor scale = (spread.squares / n + norm.epsilon).rsqrt();
    const at::Tensor normal = (x - spread.mean) * scale;
    save_part(context, part);
    context->save_for_backward({normal, scale, weight});
    return normal * weight + bias;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const BatchPart part = saved_part(context);
    const auto saved = context->get_saved_variables();
    const at::Tensor &normal = saved[0], &scale = saved[1], &weight = saved[2];
    const at::Tensor& grad = grad_out[0];
    const at::Tensor of_weight = (grad * normal).sum(0);
    const at::Tensor of_bias = grad.sum(0);
    const at::Tensor sums = at::stack({of_bias, of_weight}).detach();
    part.exchange->sum(sums);
    const at::Tensor means = sums / static_cast<double>(part.n_all);
    const at::Tensor of_x =
        (grad - means[0] - normal * means[1]) * (scale * weight);
    return {of_x, of_weight, of_bias, at::Tensor(), at::Tensor()};
  }
};

SparseRowsTensor rows_of(const SparseRowsTensor& all, const BatchPart& part,
                         int64_t begin, int64_t end) {
  return {all.offsets.narrow(0, part.first, part.n + 1) - begin,
          all.indices.narrow(0, begin, end - begin)};
}

}  // namespace

SparseBatch part_of(const SparseBatch& whole, const BatchPart& part) {
  if (part.is_whole()) return whole;
  const auto own = [&](const at::Tensor& all) {
    return all.defined() ? part.own(all) : all;
  };
  const auto first = whole.host_offsets.begin() + part.first;
  const int64_t begin = first[0], end = first[part.n];
  SparseBatch out;
  out.target = rows_of(whole.target, part, begin, end);
  out.host_offsets.assign(first, first + part.n + 1);
  for (int64_t& offset : out.host_offsets) offset -= begin;
  if (whole.input.indices.is_same(whole.target.indices)) {
    out.input = out.target;
    if (whole.input_weights.defined()) {
      out.input_weights = whole.input_weights.narrow(0, begin, end - begin);
    }
  } else {  // thinned, on the CPU
    const int64_t* offsets = whole.input.offsets.data_ptr<int64_t>();
    out.input = rows_of(whole.input, part, offsets[part.first],
                        offsets[part.first + part.n]);
  }
  out.confounders = own(whole.confounders);
  out.cell_scale = own(whole.cell_scale);
  out.labels = whole.labels;
  out.reference = whole.reference;
  out.has_reference = whole.has_reference;
  out.reference_weight = whole.reference_weight;
  return out;
}

at::Tensor gather_rows(const at::Tensor& own, const BatchPart& part) {
  return part.is_whole() ? own : GatherRows::apply(own, part);
}

at::Tensor batch_norm_of_all(const at::Tensor& x, const BatchNorm& norm,
                             const BatchPart& part) {
  return BatchNormOfAll::apply(x, norm.weight, norm.bias, norm, part);
}

}  // namespace sailer
