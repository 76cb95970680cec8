#include "sparse_linear_device.h"

#include <ATen/ATen.h>

#include "peak_blocks.h"

namespace sailer {

at::Tensor bag_offsets(const SparseRowsTensor& rows, const PeakLayout& layout) {
  const int64_t n_cells = rows.n_cells();
  if (layout.n_groups() == 1) return rows.offsets.slice(0, 0, n_cells);
  // Entries lie by cell and peak: so do cell * P + peak, and the first peak of
  // a cell's group is found among them.
  const at::Tensor starts = group_starts_of(layout, rows.indices.device());
  const at::Tensor cell = cell_of_entry(rows.offsets, rows.indices.size(0));
  const at::Tensor place = at::add(rows.indices, cell, layout.n_peaks());
  const at::Tensor cells = at::arange(n_cells, starts.options()).unsqueeze(1);
  const at::Tensor bounds = at::add(starts, cells, layout.n_peaks());
  return at::searchsorted(place, bounds.view({-1}));
}

at::Tensor sparse_linear_bags(const SparseRowsTensor& rows,
                              const at::Tensor& weight,
                              const PeakLayout& layout,
                              const at::Tensor& weights) {
  constexpr int64_t kSum = 0;
  // An absent factor is an undefined tensor: the type of the optional differs
  // between versions of LibTorch.
  const at::Tensor bags = std::get<0>(at::embedding_bag(
      weight, rows.indices, bag_offsets(rows, layout),
      /*scale_grad_by_freq=*/false, kSum, /*sparse=*/false, weights));
  return bags.reshape({rows.n_cells(), layout.n_groups() * weight.size(1)});
}

}  // namespace sailer
