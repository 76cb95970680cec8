// LibTorch's own attention over padded cells, where its version has it.
#pragma once

#include <torch/types.h>

namespace sailer {

// softmax(q k^T / sqrt(head)) v where `allowed` is true.
//   q            [cells, heads, n_queries, head]
//   k, v         [cells, heads, n_keys, head]
//   allowed      [cells, 1, 1, n_keys], bool; at least one key of each cell
// From LibTorch 2.0 on scaled_dot_product_attention, whose fused kernels want
// heads of a multiple of 8: they are padded with zeros. Before, plain products.
at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k,
                           const at::Tensor& v, const at::Tensor& allowed);

}  // namespace sailer
