// One minibatch on its way through a model.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../../support/n_of.h"

namespace sailer {

// The open peaks of B cells: cell i holds the entries [offsets[i],
// offsets[i + 1]) of `indices`, rising. Peaks are counted in the model's own
// order (PeakLayout). Both tensors are int64, contiguous and on one device.
struct SparseRowsTensor {
  at::Tensor offsets;  // [B + 1]
  at::Tensor indices;  // [entries]

  int64_t n_cells() const { return offsets.size(0) - 1; }
};

// What a model sees of B cells.
struct SparseBatch {
  SparseRowsTensor input;   // what the encoder reads (thinned while training)
  SparseRowsTensor target;  // what the decoder must reconstruct: all of it
  at::Tensor confounders;   // [B, K], float
  at::Tensor labels;        // [B, L], their columns of labels; or undefined
  at::Tensor cell_scale;    // [B, 1], factor on the encoder's first layer

  // A reference embedding (SAILERX), float; undefined without one.
  at::Tensor reference;         // [B, r], of cells without one 0
  at::Tensor has_reference;     // [B], 1 or 0
  at::Tensor reference_weight;  // [B], of the cell in the alignment

  // How thinning is represented where sizes must be known on the host: `input`
  // is then `target`, and entries with weight 0 are hidden from the encoder.
  // [entries], 0 or 1, float; undefined on the CPU and where nothing is
  // thinned.
  at::Tensor input_weights;

  // target.offsets on the host, [B + 1]: sizes without asking a device.
  std::vector<int64_t> host_offsets;

  int64_t n_cells() const { return target.n_cells(); }
};

}  // namespace sailer
