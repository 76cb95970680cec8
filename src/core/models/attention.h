// Multi-head attention over cells of different lengths, without padding.
//
// The rows of all cells of a minibatch lie one after another; a query meets the
// keys of its own cell alone. Two ways compute the same and are tested against
// plain loops:
//   kFused    on the CPU, of floats: our kernels, which keep no weights in
//             memory (support/attention_kernels.h)
//   kTensor   cells of similar length are padded to one, bucket by bucket, for
//             LibTorch's own attention; what runs on a GPU, and of doubles
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../data/stream/segments.h"
#include "compute_options.h"

namespace sailer {

struct AttentionPlan {
  int64_t n_heads = 1;
  Engine engine = Engine::kFused;
};

// softmax(q k^T / sqrt(head)) v for every cell and head (eq. 4.2-4.3).
//   q       [rows of `queries`, d], a head's columns side by side
//   k, v    [rows of `keys`, d]; every cell with a query has a key
// Returns [rows of `queries`, d]. Differentiable in q, k and v.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Segments& queries, const Segments& keys,
                  const AttentionPlan& plan);

// Cells by length, in groups whose members are padded to the longest: a group
// holds cells of which no padded row count is above 9/8 of its own, or that are
// shorter than `short_enough`. Exposed for tests.
std::vector<std::vector<int64_t>> length_buckets(const Segments& queries,
                                                 const Segments& keys,
                                                 int64_t short_enough = 32);

}  // namespace sailer
