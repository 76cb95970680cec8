// Attention over the rows of one cell, one head at a time, on plain memory:
//
//   out_i = sum_j p_ij v_j,   p_ij = exp(scale q_i . k_j - lse_i)
//
// Only a few rows of the n_queries x n_keys weights exist at a time, in the
// cache, so memory grows with the number of rows and not with its square. For
// the gradients they are recomputed from lse, the log-sum-exp of the scores.
// Compiled once per instruction set (kernel_math.h).
#pragma once

#include <cstdint>

namespace sailer {
namespace kernels {

// Rows of one head: row i begins at data + i * stride and is `head` long.
template <typename T>
struct HeadRows {
  T* data = nullptr;
  int64_t stride = 0;

  HeadRows from(int64_t row) const { return {data + row * stride, stride}; }
};

// Sizes of one head of one cell. `n_keys` is at least 1.
struct AttentionShape {
  int64_t n_queries = 0;
  int64_t n_keys = 0;
  int64_t head = 0;
  double scale = 1;
};

// Number of floats of workspace that either direction needs.
int64_t attention_workspace(const AttentionShape& shape);

// Writes `out`, and the lse of query i to lse[i * lse_stride].
void attend(const AttentionShape& shape, HeadRows<const float> q,
            HeadRows<const float> k, HeadRows<const float> v,
            HeadRows<float> out, float* lse, int64_t lse_stride,
            float* workspace);

// The gradients of q, k and v, computed from that of `out`. All three are
// overwritten.
struct AttentionGradients {
  HeadRows<const float> out;       // what attend() wrote
  HeadRows<const float> grad_out;  // of the loss with respect to `out`
  HeadRows<float> q, k, v;         // of the loss with respect to these
};

void attend_backward(const AttentionShape& shape, HeadRows<const float> q,
                     HeadRows<const float> k, HeadRows<const float> v,
                     const float* lse, int64_t lse_stride,
                     const AttentionGradients& gradients, float* workspace);

}  // namespace kernels
}  // namespace sailer
