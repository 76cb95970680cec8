// The soft alignment of SAILERX (thesis 3.2.2, eq. 3.3-3.4): pairs of cells
// should be as similar in the embedding as they are in a reference embedding.
#pragma once

#include <torch/types.h>

#include "batch_part.h"

namespace sailer {

// Returns the mean over all ordered pairs (i, j) of cells with a reference of
//   w_i w_j (cos(r_i, r_j) - cos(mu_i, mu_j))^2,
// or zero if there are none.
//
//   mean       [B, d]
//   reference  [B, r]  ignored for cells without one, but must be finite
//   present    [B]     1 for cells with a reference, 0 for others
//   weight     [B]     w, at least 0; any finite value without a reference
//
// A vector of length zero has similarity 0 with every other. Differentiable
// with respect to `mean`. Costs O(B^2 (d + r)) time and memory for B x B
// values. For a part of a minibatch all four tensors cover all cells of the
// minibatch (gather_rows()), and the result is the share of the pairs whose
// first cell is in the part.
at::Tensor alignment_loss(const at::Tensor& mean, const at::Tensor& reference,
                          const at::Tensor& present, const at::Tensor& weight,
                          const BatchPart& part = {});

}  // namespace sailer
