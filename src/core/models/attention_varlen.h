// Attention over packed rows with LibTorch's CUDA kernels for cells of
// different lengths: no rows are padded, and attention weights are not stored.
#pragma once

#include <torch/types.h>

#include "attention_rows.h"

namespace sailer {

// LibTorch's fused kernels require the head size (the last dimension) to be a
// multiple of this; pad_heads() pads it with zeros.
constexpr int64_t kHeadMultiple = 8;
at::Tensor pad_heads(const at::Tensor& x);

// Returns true if such kernels exist for tensors like `q`, both in the LibTorch
// compiled against and on the device: tried there once, because builds of
// LibTorch may lack them. False on the CPU.
bool has_varlen_attention(const at::Tensor& q);

// Same as attend(); requires has_varlen_attention(). Uses FlashAttention 2 in
// bfloat16 from compute capability 8.0 on, otherwise the memory-efficient
// kernel. Both are deterministic: equal input gives equal bits.
at::Tensor attend_varlen(const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const AttentionRows& rows,
                         int64_t n_heads);

}  // namespace sailer
