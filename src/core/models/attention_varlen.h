// Attention over packed rows by the kernels of LibTorch for CUDA that take
// cells of different lengths: nothing is padded, and no weights are kept.
#pragma once

#include <torch/types.h>

#include "attention_rows.h"

namespace sailer {

// LibTorch's fused kernels want heads, the last dimension, of a multiple of
// this; pad_heads() fills them up with zeros.
constexpr int64_t kHeadMultiple = 8;
at::Tensor pad_heads(const at::Tensor& x);

// True when there are such kernels for tensors like `q`, in the LibTorch that
// is compiled against and on the device: tried there once, since builds of
// LibTorch may be without them. False on the CPU.
bool has_varlen_attention(const at::Tensor& q);

// As attend(), where has_varlen_attention(). In bfloat16 by FlashAttention 2,
// else by the memory-efficient kernel; both give equal bits for equal input.
at::Tensor attend_varlen(const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const AttentionRows& rows,
                         int64_t n_heads);

}  // namespace sailer
