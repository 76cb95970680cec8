#include "reconstruction_device.h"

#include <ATen/ATen.h>

#include "device_products.h"
#include "peak_blocks.h"

namespace sailer {

LossAndGradients loss_and_gradients_on_device(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient) {
  at::NoGradGuard no_grad;
  const PeakBlocks blocks = peak_blocks_of(layout, hidden.device());
  DeviceProducts products(weight, bias, options.shift, blocks,
                          options.precision);
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
    const OpenPart open =
        open_part(flat.index_select(0, places), options.omega);
    const ClosedPart closed =
        closed_part(values, flat, places, with_gradient, options.precision);
    total.add_(open.loss).add_(closed.loss);
    if (!with_gradient) continue;
    closed.slopes.view({-1}).scatter_(
        0, places, open.slopes.to(closed.slopes.scalar_type()));
    hidden_grads.push_back(
        products.add_gradients(closed.slopes, options.scale));
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
