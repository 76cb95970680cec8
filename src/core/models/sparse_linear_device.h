// The first layer by tensor operations: what runs elsewhere than on the CPU,
// and on the CPU in tests. No value is fetched from the device.
#pragma once

#include <torch/types.h>

#include "../data/stream/sparse_batch.h"
#include "peak_layout.h"

namespace sailer {

// As sparse_linear(), one bag of rows of `weight` per cell and group. Entries
// of a cell must be ordered by peak.
//
//   weights   optional, [entries], factors of the entries in weight's type: an
//             entry of weight 0 counts for nothing (SparseBatch::input_weights)
//
// Equal input gives equal bits on CUDA too: a bag is summed by one thread per
// column in the order of its entries, and the gradient by peak after a stable
// sort, without atomic additions. LibTorch built with CUDA before 11.6 waits
// for the device once in the backward pass.
at::Tensor sparse_linear_bags(const SparseRowsTensor& rows,
                              const at::Tensor& weight,
                              const PeakLayout& layout,
                              const at::Tensor& weights = {});

// Where the entries of each (cell, group) begin, [B * groups].
at::Tensor bag_offsets(const SparseRowsTensor& rows, const PeakLayout& layout);

}  // namespace sailer
