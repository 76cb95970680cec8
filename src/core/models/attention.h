// Multi-head attention over cells of different lengths.
//
// The rows of all cells of a minibatch lie one after another; a query meets the
// keys of its own cell alone. Three ways compute the same and are tested
// against plain loops:
//   on the CPU   of floats under Engine::kFused: our kernels, which keep no
//                weights in memory (support/attention_kernels.h)
//   on CUDA      LibTorch's kernels for packed rows (attention_varlen.h)
//   elsewhere    cells of similar length are padded to one, bucket by bucket,
//                for LibTorch's attention of equal lengths
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "attention_rows.h"
#include "compute_options.h"

namespace sailer {

struct AttentionPlan {
  int64_t n_heads = 1;
  Engine engine = Engine::kFused;
};

// softmax(q k^T / sqrt(head)) v for every cell and head (eq. 4.2-4.3).
//   q       [rows of the queries, d], a head's columns side by side
//   k, v    [rows of the keys, d]
// Returns [rows of the queries, d]. Differentiable in q, k and v.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const AttentionRows& rows, const AttentionPlan& plan);

}  // namespace sailer
