#include "device_products.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace sailer {
namespace {

// b of an entry that is to count for nothing: softplus(-kFar) and its slope are
// exactly zero, in bf16 too.
constexpr double kFar = 1e30;

}  // namespace

std::vector<RowChunk> row_chunks(const SparseRowsTensor& rows,
                                 const std::vector<int64_t>* host_offsets,
                                 int64_t values_per_row, int64_t max_values) {
  const int64_t n = rows.n_cells();
  const int64_t at_once =
      std::max<int64_t>(1, max_values / std::max<int64_t>(1, values_per_row));
  if (n <= at_once) return {{0, n, 0, rows.indices.size(0)}};
  std::vector<int64_t> fetched;
  if (host_offsets == nullptr || host_offsets->empty()) {
    const at::Tensor offsets = rows.offsets.to(at::kCPU).contiguous();
    const int64_t* begin = offsets.data_ptr<int64_t>();
    fetched.assign(begin, begin + n + 1);
    host_offsets = &fetched;
  }
  std::vector<RowChunk> chunks;
  for (int64_t i = 0; i < n; i += at_once) {
    const int64_t last = std::min(n, i + at_once);
    chunks.push_back({i, last, (*host_offsets)[i], (*host_offsets)[last]});
  }
  return chunks;
}

DeviceProducts::DeviceProducts(const at::Tensor& weight, const at::Tensor& bias,
                               double shift, const PeakBlocks& blocks,
                               Precision precision)
    : blocks_(blocks),
      type_(weight.scalar_type()),
      narrow_(precision == Precision::kBf16) {
  // Rounded before it is gathered: the copy is then half the size.
  weight_ = by_slot(narrow_ ? weight.to(at::kBFloat16) : weight);
  bias_ = by_slot(at::rsub(bias, -shift)).unsqueeze(1);
  if (!blocks_.single()) {
    bias_.masked_fill_(blocks_.padding.view(bias_.sizes()), kFar);
  }
}

at::Tensor DeviceProducts::by_slot(const at::Tensor& by_peak) const {
  if (blocks_.single()) return by_peak.unsqueeze(0);
  const at::Tensor slots = by_peak.index_select(0, blocks_.peak_of_slot);
  return slots.unflatten(0, {blocks_.n_blocks, blocks_.width});
}

at::Tensor DeviceProducts::by_peak(const at::Tensor& by_slot) const {
  if (blocks_.single()) return by_slot.squeeze(0);
  return by_slot.flatten(0, 1).index_select(0, blocks_.slot_of_peak);
}

at::Tensor DeviceProducts::negative_logits(const at::Tensor& hidden,
                                           at::Tensor& buffer) {
  const int64_t n = hidden.size(0), m = blocks_.width;
  hidden_ = hidden.neg();
  if (narrow_) hidden_ = hidden_.to(at::kBFloat16);
  hidden_ = hidden_.view({n, blocks_.n_groups, -1}).transpose(0, 1);
  if (!blocks_.single()) {
    hidden_ = hidden_.index_select(0, blocks_.group_of_block);
  }
  at::Tensor out =
      buffer.narrow(0, 0, blocks_.n_slots() * n).view({blocks_.n_blocks, n, m});
  const at::Tensor weight = weight_.transpose(1, 2);
  if (narrow_) {
    // The products come rounded; the bias is added to them in full.
    at::add_out(out, at::bmm(hidden_, weight), bias_);
  } else if (blocks_.single()) {
    // With a vector as bias, cuBLAS adds it on the way out.
    at::Tensor matrix = out.squeeze(0);
    at::addmm_out(matrix, bias_.view({m}), hidden_.squeeze(0),
                  weight.squeeze(0));
  } else {
    at::baddbmm_out(out, bias_, hidden_, weight);
  }
  return out;
}

at::Tensor DeviceProducts::add_gradients(const at::Tensor& slopes,
                                         double scale) {
  const int64_t n = hidden_.size(1);
  at::Tensor hidden = at::bmm(slopes, weight_).to(type_);
  if (!blocks_.single()) {
    hidden = at::mm(blocks_.group_sums.to(type_),
                    hidden.view({blocks_.n_blocks, -1}));
  }
  hidden = hidden.view({blocks_.n_groups, n, -1})
               .transpose(0, 1)
               .reshape({n, -1})
               .mul_(-scale);
  // Both factors are turned, so the product is not.
  const at::Tensor scaled = scale == 1 ? hidden_ : hidden_ * scale;
  const at::Tensor weight = at::bmm(slopes.transpose(1, 2), scaled).to(type_);
  const at::Tensor bias = at::sum(slopes, {1}, false, type_).mul_(-scale);
  weight_grad_ = weight_grad_.defined() ? weight_grad_.add_(weight) : weight;
  bias_grad_ = bias_grad_.defined() ? bias_grad_.add_(bias) : bias;
  return hidden;
}

at::Tensor DeviceProducts::weight_gradient() const {
  return by_peak(weight_grad_);
}

at::Tensor DeviceProducts::bias_gradient() const { return by_peak(bias_grad_); }

at::Tensor DeviceProducts::places(const at::Tensor& cell,
                                  const at::Tensor& peak, int64_t n) const {
  if (blocks_.single()) return at::add(peak, cell, blocks_.width);
  // (block * n + cell) * width + place, where slot = block * width + place.
  return blocks_.slot_of_peak.index_select(0, peak)
      .add_(blocks_.block_of_peak.index_select(0, peak),
            (n - 1) * blocks_.width)
      .add_(cell, blocks_.width);
}

ClosedPart closed_part(const at::Tensor& values, at::Tensor& flat,
                       const at::Tensor& open, bool with_slopes,
                       Precision precision) {
  flat.index_fill_(0, open, kFar);
  at::Tensor softplus = values;
  at::log_sigmoid_out(softplus, values);  // turned: -softplus(a)
  ClosedPart part;
  // Each row in its own type, then the rows in double.
  part.loss = softplus.sum(-1).sum(at::kDouble).neg();
  if (!with_slopes) return part;
  if (precision == Precision::kBf16) {
    part.slopes =
        at::empty(values.sizes(), values.options().dtype(at::kBFloat16));
    at::expm1_out(part.slopes, softplus);
  } else {
    part.slopes = softplus.expm1_();
  }
  return part;
}

OpenPart open_part(const at::Tensor& b, double omega) {
  OpenPart part;
  part.loss = at::log_sigmoid(b.neg()).sum(at::kDouble).mul_(-omega);
  part.slopes = at::sigmoid(b).mul_(omega);
  return part;
}

}  // namespace sailer
