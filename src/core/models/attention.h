// Multi-head attention over cells of different lengths.
//
// The rows of all cells of a minibatch are concatenated; a query attends only
// to the keys of its own cell. There are three equivalent implementations, all
// tested against plain loops:
//   on the CPU   for floats under Engine::kFused: our kernels, which keep no
//                weights in memory (support/attention_kernels.h)
//   on CUDA      LibTorch's kernels for packed rows (attention_varlen.h)
//   elsewhere    LibTorch's attention for equal lengths, with cells of similar
//                length padded to the same length, bucket by bucket
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

// Computes softmax(q k^T / sqrt(head)) v for every cell and head (eq. 4.2-4.3).
//   q       [query rows, d], the columns of each head adjacent
//   k, v    [key rows, d]
// Returns [query rows, d]. Differentiable with respect to q, k and v.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const AttentionRows& rows, const AttentionPlan& plan);

}  // namespace sailer
