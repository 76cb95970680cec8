#include "attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../support/attention_kernels.h"
#include "../support/n_of.h"
#include "../support/torch_version.h"
#include "attention_varlen.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Working memory per thread, kept between calls.
float* workspace(int64_t n) {
  thread_local std::vector<float> memory;
  if (n_of(memory) < n) memory.resize(n);
  return memory.data();
}

// Calls work(head, first query, first key, shape) for every head of every cell.
template <typename Work>
void for_each_head(const at::Tensor& queries, const at::Tensor& keys,
                   int64_t n_heads, int64_t width, const Work& work) {
  const int32_t* q = queries.data_ptr<int32_t>();
  const int32_t* k = keys.data_ptr<int32_t>();
  const int64_t n_cells = queries.numel() - 1, head = width / n_heads;
  at::parallel_for(0, n_cells * n_heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t cell = item / n_heads;
      const kernels::AttentionShape shape{
          q[cell + 1] - q[cell], k[cell + 1] - k[cell], head,
          1 / std::sqrt(static_cast<double>(head))};
      if (shape.n_keys == 0) continue;
      work(item % n_heads, q[cell], k[cell], shape);
    }
  });
}

// The columns of one head, from row `first` on.
kernels::HeadRows<const float> head_of(const at::Tensor& rows, int64_t first,
                                       int64_t head, int64_t size) {
  return {rows.data_ptr<float>() + first * rows.size(1) + head * size,
          rows.size(1)};
}

kernels::HeadRows<float> head_to(at::Tensor& rows, int64_t first, int64_t head,
                                 int64_t size) {
  return {rows.data_ptr<float>() + first * rows.size(1) + head * size,
          rows.size(1)};
}

class PackedAttention : public torch::autograd::Function<PackedAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q_in,
                            const at::Tensor& k_in, const at::Tensor& v_in,
                            const at::Tensor& queries, const at::Tensor& keys,
                            int64_t n_heads) {
    const at::Tensor q = q_in.contiguous(), k = k_in.contiguous(),
                     v = v_in.contiguous();
    at::Tensor out = at::empty_like(q);
    at::Tensor lse = at::empty({q.size(0), n_heads}, q.options());
    float* sums = lse.data_ptr<float>();
    for_each_head(
        queries, keys, n_heads, q.size(1),
        [&](int64_t h, int64_t q0, int64_t k0,
            const kernels::AttentionShape& shape) {
          kernels::attend(
              shape, head_of(q, q0, h, shape.head),
              head_of(k, k0, h, shape.head), head_of(v, k0, h, shape.head),
              head_to(out, q0, h, shape.head), sums + q0 * n_heads + h, n_heads,
              workspace(kernels::attention_workspace(shape)));
        });
    context->save_for_backward({q, k, v, out, lse, queries, keys});
    context->saved_data["n_heads"] = n_heads;
    return out;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2],
                     &out = saved[3], &lse = saved[4];
    const int64_t n_heads = context->saved_data["n_heads"].toInt();
    const at::Tensor g = grad_out[0].contiguous();
    at::Tensor dq = at::empty_like(q);
    // The gradients of keys in cells without queries stay zero.
    at::Tensor dk = at::zeros_like(k), dv = at::zeros_like(v);
    const float* sums = lse.data_ptr<float>();
    for_each_head(
        saved[5], saved[6], n_heads, q.size(1),
        [&](int64_t h, int64_t q0, int64_t k0,
            const kernels::AttentionShape& shape) {
          const kernels::AttentionGradients gradients = {
              head_of(out, q0, h, shape.head), head_of(g, q0, h, shape.head),
              head_to(dq, q0, h, shape.head), head_to(dk, k0, h, shape.head),
              head_to(dv, k0, h, shape.head)};
          kernels::attend_backward(
              shape, head_of(q, q0, h, shape.head),
              head_of(k, k0, h, shape.head), head_of(v, k0, h, shape.head),
              sums + q0 * n_heads + h, n_heads, gradients,
              workspace(kernels::attention_workspace(shape)));
        });
    return {dq, dk, dv, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// softmax(q k^T / sqrt(head)) v over the keys that are `allowed`, by LibTorch.
//   q            [cells, heads, n_queries, head]
//   k, v         [cells, heads, n_keys, head]
//   allowed      [cells, 1, 1, n_keys], bool; at least one key of each cell
at::Tensor attend_padded(const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const at::Tensor& allowed) {
  const int64_t head = q.size(3);
#if SAILER_LIBTORCH_AT_LEAST(2, 0)
  const at::Tensor queries = pad_heads(q);
  // LibTorch divides by the square root of the padded size; version 2.0 has no
  // argument for another scale.
  const double scale = std::sqrt(static_cast<double>(queries.size(3)) /
                                 static_cast<double>(head));
  const at::Tensor mask = allowed.expand({q.size(0), 1, q.size(2), k.size(2)});
  const at::Tensor out = at::scaled_dot_product_attention(
      scale == 1 ? queries : queries * scale, pad_heads(k), pad_heads(v), mask);
  return out.narrow(3, 0, head);
#else
  const double scale = 1 / std::sqrt(static_cast<double>(head));
  const at::Tensor scores =
      at::matmul(q, k.transpose(-2, -1))
          .mul(scale)
          .masked_fill(allowed.logical_not(),
                       -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), v);
#endif
}

// Returns [cells * padded queries, d].
at::Tensor attend_bucket(const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v,
                         const AttentionRows::Bucket& bucket, int64_t n_heads) {
  const int64_t n = bucket.n_cells;
  const int64_t width = q.size(1), head = width / n_heads;
  const auto padded = [&](const at::Tensor& rows, const at::Tensor& places,
                          int64_t length) {
    return rows.index_select(0, places)
        .view({n, length, n_heads, head})
        .transpose(1, 2);
  };
  const at::Tensor out =
      attend_padded(padded(q, bucket.queries, bucket.n_queries),
                    padded(k, bucket.keys, bucket.n_keys),
                    padded(v, bucket.keys, bucket.n_keys), bucket.allowed);
  return out.transpose(1, 2).reshape({n * bucket.n_queries, width});
}

at::Tensor attend_by_buckets(const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v, const AttentionRows& rows,
                             int64_t n_heads) {
  // Appends the row that padding refers to.
  const auto with_zero_row = [](const at::Tensor& x) {
    return at::cat({x, at::zeros({1, x.size(1)}, x.options())});
  };
  const at::Tensor qz = with_zero_row(q), kz = with_zero_row(k),
                   vz = with_zero_row(v);
  const AttentionRows::Padded& padded = rows.padded();
  std::vector<at::Tensor> parts;
  for (const AttentionRows::Bucket& bucket : padded.buckets) {
    parts.push_back(attend_bucket(qz, kz, vz, bucket, n_heads));
  }
  if (parts.empty()) return at::zeros_like(q);
  return at::cat(parts).index_select(0, padded.place);
}

}  // namespace

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const AttentionRows& rows, const AttentionPlan& plan) {
  const bool by_kernel = plan.engine == Engine::kFused && q.device().is_cpu() &&
                         q.scalar_type() == at::kFloat;
  if (by_kernel) {
    return PackedAttention::apply(q, k, v, rows.query_starts(),
                                  rows.key_starts(), plan.n_heads);
  }
  if (has_varlen_attention(q)) {
    return attend_varlen(q, k, v, rows, plan.n_heads);
  }
  return attend_by_buckets(q, k, v, rows, plan.n_heads);
}

}  // namespace sailer
