// The first layer: binary sparse rows times a dense weight, grouped by
// chromosome. Neither pass ever creates a dense cells x peaks matrix.
#pragma once

#include <torch/types.h>

#include "../data/stream/sparse_batch.h"
#include "../support/adam_update.h"
#include "peak_layout.h"

namespace sailer {

// Returns out[i, g * w + u] = sum of weight[p, u] over the open peaks p of cell
// i that belong to group g.
//
//   rows    B cells, indices within [0, layout.n_peaks())
//   weight  [P, w], float or double, contiguous
//   out     [B, groups * w]
//
// Differentiable with respect to `weight`; the sums run in a fixed order, so
// equal input gives equal bits regardless of the number of threads. With
// `update`, the backward pass updates the weight a few rows at a time, as their
// gradient is summed, and leaves no gradient; the bits are those of a separate
// update. CPU only (otherwise throws Error(kArgument)); elsewhere use
// sparse_linear_bags().
at::Tensor sparse_linear(const SparseRowsTensor& rows, const at::Tensor& weight,
                         const PeakLayout& layout,
                         const AdamUpdate* update = nullptr);

// The same by tensor operations, with one bag of rows of `weight` per cell and
// group: used on other devices, and on the CPU in tests. Entries of a cell must
// be ordered by peak. No value is fetched from the device.
//
//   weights   optional, [entries], factors of the entries in weight's type: an
//             entry with factor 0 is ignored (SparseBatch::input_weights)
//
// Equal input gives equal bits on CUDA too: a bag is summed by one thread per
// column in the order of its entries, and the gradient by peak after a stable
// sort, without atomic additions. LibTorch built with CUDA before 11.6 waits
// for the device once in the backward pass.
at::Tensor sparse_linear_bags(const SparseRowsTensor& rows,
                              const at::Tensor& weight,
                              const PeakLayout& layout,
                              const at::Tensor& weights = {});

// The entries of `rows` ordered by peak: the cells that have peak p open are
// cells[starts[p]] ... cells[starts[p + 1] - 1], increasing. CPU only.
struct EntriesByPeak {
  std::vector<int64_t> starts;  // [P + 1]
  std::vector<int32_t> cells;   // [entries]
};
EntriesByPeak transpose_rows(const SparseRowsTensor& rows, int64_t n_peaks);

}  // namespace sailer
