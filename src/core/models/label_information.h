// The information that z has about labels such as the batch: I(z; label) of
// section 2.2.1, estimated from the neighbours of each cell in its minibatch.
#pragma once

#include <torch/types.h>

#include "batch_part.h"

namespace sailer {

// Returns, for each of the part's cells and in nats, how much the labels of its
// neighbours differ from those of all other cells,
//   sum_b p_b log(p_b / share_b)  -  its expected value by chance,
// where p_b is the weight of the neighbours with label b. Neighbour j has the
// weight exp(-2 |z_i - z_j|^2 / r_i^2), scaled to a sum of 1 over the other
// cells, where r_i is the distance to the fifth nearest. No gradient flows
// through r_i. Neighbours drawn at random give about 0 on average.
//
// `z` has the part's cells; `all` [B, d] and `labels` [B, L] have all cells of
// the minibatch, at least 2. Labels are one-hot, with one or several variables
// side by side. Differentiable with respect to `z` and `all`.
at::Tensor label_information(const at::Tensor& z, const at::Tensor& all,
                             const at::Tensor& labels,
                             const BatchPart& part = {});

}  // namespace sailer
