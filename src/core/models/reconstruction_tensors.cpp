// The reconstruction loss by tensor operations, for devices where launches and
// passes over memory dominate the cost.
//
// Everything is kept with its sign flipped: b = -a for a logit a, and slopes
// -dL/da. Then log sigmoid(b) = -softplus(a) and exp(that) - 1 = -sigmoid(a),
// both exact to rounding at every a. Both overwrite b, so that cells x peaks
// values are held only once.
#include <ATen/ATen.h>

#include <algorithm>

#include "peak_blocks.h"
#include "reconstruction.h"

namespace sailer {
namespace {

// The b of an entry that must not contribute: softplus(-kFar) and its slope are
// exactly zero, in bf16 too.
constexpr double kFar = 1e30;

// Rows [first, last) of a batch and their entries.
struct RowChunk {
  int64_t first, last, entry_first, entry_last;

  int64_t n_rows() const { return last - first; }
};

// Splits the rows into chunks of at most `max_values` values, but at least one
// row each. If all rows fit, their offsets are not needed; otherwise offsets
// are taken from `host_offsets`, or fetched if that is null or empty.
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

// hidden x weight' and both its gradients, for all groups at once.
class Products {
 public:
  // Takes weight [P, w] and bias [P] of the peaks of `blocks`, which must
  // outlive this object. In bf16 the weight is rounded here, once.
  Products(const at::Tensor& weight, const at::Tensor& bias, double shift,
           const PeakBlocks& blocks, Precision precision);

  // Writes b = -(hidden . weight + bias + shift) of n rows to the front of
  // `buffer`, and returns a view of it, [n_blocks, n, width].
  at::Tensor negative_logits(const at::Tensor& hidden, at::Tensor& buffer);

  // Given slopes -dL/da in that shape, for the rows of the last logits, returns
  // scale * dL/dhidden and adds to the gradients below.
  at::Tensor add_gradients(const at::Tensor& slopes, double scale);

  at::Tensor weight_gradient() const;  // [P, w]
  at::Tensor bias_gradient() const;    // [P]

  // Returns the indices of (cell, peak) in the flattened blocks of n rows.
  at::Tensor places(const at::Tensor& cell, const at::Tensor& peak,
                    int64_t n) const;

 private:
  at::Tensor by_slot(const at::Tensor& by_peak) const;
  at::Tensor by_peak(const at::Tensor& by_slot) const;

  const PeakBlocks& blocks_;
  at::ScalarType type_;
  bool narrow_;             // products in bf16
  at::Tensor weight_;       // [n_blocks, width, w]
  at::Tensor bias_;         // [n_blocks, 1, width], negated
  at::Tensor hidden_;       // [n_blocks, n, w], negated, of the last rows
  at::Tensor weight_grad_;  // [n_blocks, width, w]
  at::Tensor bias_grad_;    // [n_blocks, width]
};

Products::Products(const at::Tensor& weight, const at::Tensor& bias,
                   double shift, const PeakBlocks& blocks, Precision precision)
    : blocks_(blocks),
      type_(weight.scalar_type()),
      narrow_(precision == Precision::kBf16) {
  // Rounded before it is gathered, so that the copy is half the size.
  weight_ = by_slot(narrow_ ? weight.to(at::kBFloat16) : weight);
  bias_ = by_slot(at::rsub(bias, -shift)).unsqueeze(1);
  if (!blocks_.single()) {
    bias_.masked_fill_(blocks_.padding.view(bias_.sizes()), kFar);
  }
}

at::Tensor Products::by_slot(const at::Tensor& by_peak) const {
  if (blocks_.single()) return by_peak.unsqueeze(0);
  const at::Tensor slots = by_peak.index_select(0, blocks_.peak_of_slot);
  return slots.unflatten(0, {blocks_.n_blocks, blocks_.width});
}

at::Tensor Products::by_peak(const at::Tensor& by_slot) const {
  if (blocks_.single()) return by_slot.squeeze(0);
  return by_slot.flatten(0, 1).index_select(0, blocks_.slot_of_peak);
}

at::Tensor Products::negative_logits(const at::Tensor& hidden,
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
    // The products are rounded; the bias is added to them in full precision.
    at::add_out(out, at::bmm(hidden_, weight), bias_);
  } else if (blocks_.single()) {
    // If the bias is a vector, cuBLAS adds it in the same kernel.
    at::Tensor matrix = out.squeeze(0);
    at::addmm_out(matrix, bias_.view({m}), hidden_.squeeze(0),
                  weight.squeeze(0));
  } else {
    at::baddbmm_out(out, bias_, hidden_, weight);
  }
  return out;
}

at::Tensor Products::add_gradients(const at::Tensor& slopes, double scale) {
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
  // Both factors are negated, so the product is not.
  const at::Tensor scaled = scale == 1 ? hidden_ : hidden_ * scale;
  const at::Tensor weight = at::bmm(slopes.transpose(1, 2), scaled).to(type_);
  const at::Tensor bias = at::sum(slopes, {1}, false, type_).mul_(-scale);
  weight_grad_ = weight_grad_.defined() ? weight_grad_.add_(weight) : weight;
  bias_grad_ = bias_grad_.defined() ? bias_grad_.add_(bias) : bias;
  return hidden;
}

at::Tensor Products::weight_gradient() const { return by_peak(weight_grad_); }

at::Tensor Products::bias_gradient() const { return by_peak(bias_grad_); }

at::Tensor Products::places(const at::Tensor& cell, const at::Tensor& peak,
                            int64_t n) const {
  if (blocks_.single()) return at::add(peak, cell, blocks_.width);
  // (block * n + cell) * width + u, where slot = block * width + u.
  return blocks_.slot_of_peak.index_select(0, peak)
      .add_(blocks_.block_of_peak.index_select(0, peak),
            (n - 1) * blocks_.width)
      .add_(cell, blocks_.width);
}

// Computes the part of the closed peaks: adds the sum of softplus(a), in
// double, to `total`. `values` [n_blocks, n, width] hold b and are overwritten;
// `flat` is the same memory as a vector, and `open` are its indices to leave
// out. Returns the slopes -sigmoid(a) if `with_slopes`, in `values` or, in
// bf16, in a tensor of their own.
at::Tensor add_closed_part(const at::Tensor& values, at::Tensor& flat,
                           const at::Tensor& open, bool with_slopes,
                           Precision precision, at::Tensor& total) {
  flat.index_fill_(0, open, kFar);
  at::Tensor softplus = values;
  at::log_sigmoid_out(softplus, values);  // -softplus(a)
  // Sums each row in its own type, then the rows in double.
  total.add_(softplus.sum(-1).sum(at::kDouble).neg());
  if (!with_slopes) return {};
  if (precision == Precision::kFloat32) return softplus.expm1_();
  at::Tensor slopes =
      at::empty(values.sizes(), values.options().dtype(at::kBFloat16));
  at::expm1_out(slopes, softplus);
  return slopes;
}

}  // namespace

LossAndGradients reconstruct_by_tensors(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient) {
  at::NoGradGuard no_grad;
  const PeakBlocks blocks = peak_blocks_of(layout, hidden.device());
  Products products(weight, bias, options.shift, blocks, options.precision);
  const std::vector<RowChunk> chunks = row_chunks(
      target, options.host_offsets, blocks.n_slots(), options.max_values);
  at::Tensor buffer =
      at::empty({blocks.n_slots() * chunks[0].n_rows()}, hidden.options());
  const at::Tensor cells =
      cell_of_entry(target.offsets, target.indices.size(0));
  at::Tensor total = at::zeros({}, hidden.options().dtype(at::kDouble));
  std::vector<at::Tensor> hidden_grads;
  for (const RowChunk& chunk : chunks) {
    const int64_t n = chunk.n_rows();
    const at::Tensor values = products.negative_logits(
        hidden.slice(0, chunk.first, chunk.last), buffer);
    const at::Tensor peak =
        target.indices.slice(0, chunk.entry_first, chunk.entry_last);
    at::Tensor cell = cells.slice(0, chunk.entry_first, chunk.entry_last);
    if (chunk.first > 0) cell = cell - chunk.first;
    const at::Tensor places = products.places(cell, peak, n);
    at::Tensor flat = buffer.narrow(0, 0, values.numel());
    const at::Tensor open = flat.index_select(0, places);
    total.add_(
        at::log_sigmoid(open.neg()).sum(at::kDouble).mul_(-options.omega));
    const at::Tensor slopes = add_closed_part(
        values, flat, places, with_gradient, options.precision, total);
    if (!with_gradient) continue;
    slopes.view({-1}).scatter_(
        0, places,
        at::sigmoid(open).mul_(options.omega).to(slopes.scalar_type()));
    hidden_grads.push_back(products.add_gradients(slopes, options.scale));
  }
  LossAndGradients out;
  out.loss = total.mul_(options.scale).to(hidden.scalar_type());
  if (with_gradient) {
    out.hidden =
        hidden_grads.size() == 1 ? hidden_grads[0] : at::cat(hidden_grads, 0);
    out.weight = products.weight_gradient();
    out.bias = products.bias_gradient();
  }
  return out;
}

}  // namespace sailer
