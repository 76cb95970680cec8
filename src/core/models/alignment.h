// The soft alignment of SAILERX (thesis 3.2.2, eq. 3.3-3.4): pairs of cells are
// to be as similar in the embedding as they are in a reference embedding.
#pragma once

#include <torch/types.h>

#include "batch_part.h"

namespace sailer {

// Mean over all ordered pairs (i, j) of cells with a reference of
//   w_i w_j (cos(r_i, r_j) - cos(mu_i, mu_j))^2,
// zero when there is none.
//
//   mean       [B, d]
//   reference  [B, r]  rows of cells without one are ignored, but finite
//   present    [B]     1 for cells with a reference, 0 for others
//   weight     [B]     w, at least 0; of cells without a reference: anything
//
// A vector of length zero has similarity 0 with all. Differentiable with
// respect to `mean`. Costs O(B^2 (d + r)); B x B values are held. Of a part of
// a minibatch all four are of all its cells (gather_rows()), and what is
// returned is the share of the pairs whose first cell is in the part.
at::Tensor alignment_loss(const at::Tensor& mean, const at::Tensor& reference,
                          const at::Tensor& present, const at::Tensor& weight,
                          const BatchPart& part = {});

}  // namespace sailer
