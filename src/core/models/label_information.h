// What z tells of labels such as the batch: I(z; label) of section 2.2.1,
// estimated from the neighbours that a cell has in its minibatch.
#pragma once

#include <torch/types.h>

#include "batch_part.h"

namespace sailer {

// Of each of the part's cells, in nats: how far the labels of its neighbours
// are from those of all other cells,
//   sum_b p_b log(p_b / share_b)  -  what chance gives,
// where p_b is the weight of the neighbours with label b. Neighbour j weighs
// exp(-2 |z_i - z_j|^2 / r_i^2), scaled to a sum of 1 over the other cells, r_i
// the distance of the fifth nearest: r_i has no gradient. Neighbours drawn at
// random give 0 on average.
//
// `z` is of the part's cells; `all` [B, d] and `labels` [B, L], one-hot, of
// several variables side by side or of one, are those of all cells of the
// minibatch, at least 2. Differentiable in both.
at::Tensor label_information(const at::Tensor& z, const at::Tensor& all,
                             const at::Tensor& labels,
                             const BatchPart& part = {});

}  // namespace sailer
