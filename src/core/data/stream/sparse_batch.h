// One minibatch on its way through a model.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../../support/n_of.h"

namespace sailer {

// The open peaks of B cells: cell i holds the entries [offsets[i],
// offsets[i + 1]) of `indices`, ascending. Peaks are numbered in the model's
// own order (PeakLayout). Both tensors are int64, contiguous and on one device.
struct SparseRowsTensor {
  at::Tensor offsets;  // [B + 1]
  at::Tensor indices;  // [entries]

  int64_t n_cells() const { return offsets.size(0) - 1; }
};

// What a model sees of B cells.
struct SparseBatch {
  SparseRowsTensor input;   // what the encoder reads (thinned while training)
  SparseRowsTensor target;  // what the decoder must reconstruct: all open peaks
  at::Tensor confounders;   // [B, K], float
  at::Tensor labels;        // [B, L], label columns of these; or undefined
  at::Tensor cell_scale;    // [B, 1], factor on the encoder's first layer

  // A reference embedding (SAILERX), float; undefined without one.
  at::Tensor reference;         // [B, r], 0 for cells without one
  at::Tensor has_reference;     // [B], 1 or 0
  at::Tensor reference_weight;  // [B], weight of the cell in the alignment

  // Represents thinning if sizes must be known on the host: `input` is then
  // `target`, and entries with weight 0 are hidden from the encoder. [entries],
  // 0 or 1, float; undefined unless finish_on_device() thinned the minibatch.
  at::Tensor input_weights;

  // target.offsets on the host, [B + 1]: sizes without querying a device.
  std::vector<int64_t> host_offsets;

  int64_t n_cells() const { return target.n_cells(); }
};

}  // namespace sailer
