// The first layer: binary sparse rows times a dense weight, grouped by
// chromosome. Neither direction ever makes cells x peaks dense.
#pragma once

#include <torch/types.h>

#include "../data/stream/sparse_batch.h"
#include "../support/adam_update.h"
#include "peak_layout.h"

namespace sailer {

// out[i, g * w + u] = sum of weight[p, u] over the open peaks p of cell i that
// belong to group g.
//
//   rows    B cells, indices within [0, layout.n_peaks())
//   weight  [P, w], float or double, contiguous
//   out     [B, groups * w]
//
// Differentiable with respect to `weight`; the sums run in a fixed order, so
// equal input gives equal bits whatever the number of threads. With `update`
// the backward pass moves the weight, row by row as its gradient is summed, and
// leaves no gradient; it is the same to the bit. On the CPU alone; elsewhere
// there is sparse_linear_bags() (sparse_linear_device.h).
at::Tensor sparse_linear(const SparseRowsTensor& rows, const at::Tensor& weight,
                         const PeakLayout& layout,
                         const AdamUpdate* update = nullptr);

// The same from the rows as a dense 0/1 matrix [B, P]: slow, plain, the oracle
// of the tests and the baseline of the benchmarks.
at::Tensor sparse_linear_dense(const at::Tensor& rows, const at::Tensor& weight,
                               const PeakLayout& layout);

// The rows as a dense 0/1 matrix [B, P] of the given type.
at::Tensor to_dense(const SparseRowsTensor& rows, int64_t n_peaks,
                    at::ScalarType type);

// The entries of `rows` ordered by peak: the cells that have peak p open are
// cells[starts[p]] ... cells[starts[p + 1] - 1], increasing. CPU only.
struct EntriesByPeak {
  std::vector<int64_t> starts;  // [P + 1]
  std::vector<int32_t> cells;   // [entries]
};
EntriesByPeak transpose_rows(const SparseRowsTensor& rows, int64_t n_peaks);

}  // namespace sailer
