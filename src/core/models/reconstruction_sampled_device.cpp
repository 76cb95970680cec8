#include <ATen/ATen.h>

#include "device_products.h"
#include "peak_blocks.h"
#include "reconstruction_sampled.h"
#include "sparse_linear_device.h"

namespace sailer {
namespace {

// Slopes dL/da of the open entries of some cells, and what they add to the
// gradients.
struct OpenGradients {
  at::Tensor loss;                  // sum of omega * softplus(-a), double
  at::Tensor hidden, weight, bias;  // scaled; undefined without gradient
};

OpenGradients open_entries(const at::Tensor& hidden, const at::Tensor& weight,
                           const at::Tensor& bias, const SparseRowsTensor& rows,
                           const at::Tensor& cell, const PeakLayout& layout,
                           const ReconstructionOptions& options,
                           bool with_gradient) {
  const int64_t groups = layout.n_groups(), w = weight.size(1);
  const at::Tensor& peak = rows.indices;
  at::Tensor row = cell;  // of hidden as [B * groups, w]
  if (groups > 1) {
    const at::Tensor starts = group_starts_of(layout, peak.device());
    row = at::add(at::bucketize(peak, starts, /*out_int32=*/false,
                                /*right=*/true),
                  cell, groups)
              .sub_(1);
  }
  const at::Tensor h = hidden.reshape({-1, w}).index_select(0, row);
  const at::Tensor logit = at::sum(weight.index_select(0, peak).mul_(h), {1})
                               .add_(bias.index_select(0, peak))
                               .add_(options.shift);
  const OpenPart open = open_part(logit.neg(), options.omega);
  OpenGradients out;
  out.loss = open.loss;
  if (!with_gradient) return out;
  const at::Tensor slope = open.slopes * -options.scale;
  out.hidden =
      sparse_linear_bags(rows, weight, layout, slope).view(hidden.sizes());
  // Sums by peak as an embedding makes them: in a fixed order.
  const auto by_peak = [&](const at::Tensor& values) {
    return at::embedding_dense_backward(values, peak, layout.n_peaks(), -1,
                                        false);
  };
  out.weight = by_peak(h * slope.unsqueeze(1));
  out.bias = by_peak(slope.unsqueeze(1)).squeeze(1);
  return out;
}

}  // namespace

LossAndGradients loss_and_gradients_sampled_on_device(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient) {
  at::NoGradGuard no_grad;
  const std::vector<int64_t>& peaks = *options.sampled_peaks;
  const auto n_sampled = static_cast<int64_t>(peaks.size());
  const int64_t n_entries = target.indices.size(0), w = weight.size(1);
  const double factor =
      static_cast<double>(layout.n_peaks()) / static_cast<double>(n_sampled);
  const at::Device device = hidden.device();
  const at::Tensor sample =
      copy_to_device(at::tensor(peaks, at::kLong), device);
  // The place of each peak among the sampled ones, or -1.
  const at::Tensor place_of_peak =
      at::full({layout.n_peaks()}, -1, sample.options())
          .scatter_(0, sample, at::arange(n_sampled, sample.options()));
  const PeakBlocks blocks =
      make_peak_blocks(layout_of_sample(peaks, layout), device);
  DeviceProducts products(weight.index_select(0, sample),
                          bias.index_select(0, sample), options.shift, blocks,
                          options.precision);
  const int64_t per_row =
      blocks.n_slots() + 2 * w * (1 + n_entries / (1 + target.n_cells()));
  const std::vector<RowChunk> chunks =
      row_chunks(target, options.host_offsets, per_row, options.max_values);
  at::Tensor buffer =
      at::empty({blocks.n_slots() * chunks[0].n_rows() + 1}, hidden.options());
  const at::Tensor cells = cell_of_entry(target.offsets, n_entries);
  at::Tensor total = at::zeros({}, hidden.options().dtype(at::kDouble));
  std::vector<at::Tensor> hidden_grads;
  LossAndGradients out;
  for (const RowChunk& chunk : chunks) {
    const at::Tensor h = hidden.slice(0, chunk.first, chunk.last);
    const SparseRowsTensor rows{
        target.offsets.slice(0, chunk.first, chunk.last + 1) -
            chunk.entry_first,
        target.indices.slice(0, chunk.entry_first, chunk.entry_last)};
    const at::Tensor cell =
        cells.slice(0, chunk.entry_first, chunk.entry_last) - chunk.first;
    const at::Tensor values = products.negative_logits(h, buffer);
    const at::Tensor place = place_of_peak.index_select(0, rows.indices);
    // Entries of other peaks go to a place beyond the end.
    const at::Tensor places =
        products.places(cell, place.clamp_min(0), chunk.n_rows())
            .masked_fill_(place.lt(0), values.numel());
    at::Tensor flat = buffer.narrow(0, 0, values.numel() + 1);
    const ClosedPart closed =
        closed_part(values, flat, places, with_gradient, options.precision);
    const OpenGradients open = open_entries(h, weight, bias, rows, cell, layout,
                                            options, with_gradient);
    total.add_(closed.loss, factor).add_(open.loss);
    if (!with_gradient) continue;
    hidden_grads.push_back(
        products.add_gradients(closed.slopes, options.scale * factor)
            .add_(open.hidden));
    out.weight =
        out.weight.defined() ? out.weight.add_(open.weight) : open.weight;
    out.bias = out.bias.defined() ? out.bias.add_(open.bias) : open.bias;
  }
  out.loss = total.mul_(options.scale).to(hidden.scalar_type());
  if (with_gradient) {
    // No peak is sampled twice, so that the order of additions is one.
    out.hidden = at::cat(hidden_grads, 0);
    out.weight.index_add_(0, sample, products.weight_gradient());
    out.bias.index_add_(0, sample, products.bias_gradient());
  }
  return out;
}

}  // namespace sailer
