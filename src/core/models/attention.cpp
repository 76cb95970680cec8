#include "attention.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../support/attention_kernels.h"
#include "../support/fused_attention.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The cells of a minibatch as an autograd function remembers them.
at::Tensor to_tensor(const Segments& segments) {
  return at::tensor(segments.starts, at::TensorOptions().dtype(at::kLong));
}

// Working memory of a thread, kept between calls.
template <typename T>
T* workspace(int64_t n) {
  thread_local std::vector<T> memory;
  if (static_cast<int64_t>(memory.size()) < n) memory.resize(n);
  return memory.data();
}

// Calls work(cell, head, shape) for every head of every cell with queries.
template <typename Work>
void for_each_head(const at::Tensor& queries, const at::Tensor& keys,
                   int64_t n_heads, int64_t width, const Work& work) {
  const int64_t* q = queries.data_ptr<int64_t>();
  const int64_t* k = keys.data_ptr<int64_t>();
  const int64_t n_cells = queries.numel() - 1, head = width / n_heads;
  at::parallel_for(0, n_cells * n_heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t cell = item / n_heads;
      const kernels::AttentionShape shape{
          q[cell + 1] - q[cell], k[cell + 1] - k[cell], head,
          1 / std::sqrt(static_cast<double>(head))};
      if (shape.n_keys == 0) continue;
      work(cell, item % n_heads, q[cell], k[cell], shape);
    }
  });
}

// Columns of a head, from a row on.
template <typename T>
kernels::HeadRows<const T> head_of(const at::Tensor& rows, int64_t first,
                                   int64_t head, int64_t size) {
  return {rows.data_ptr<T>() + first * rows.size(1) + head * size,
          rows.size(1)};
}

template <typename T>
kernels::HeadRows<T> head_to(at::Tensor& rows, int64_t first, int64_t head,
                             int64_t size) {
  return {rows.data_ptr<T>() + first * rows.size(1) + head * size,
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
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "attend", [&] {
      scalar_t* sums = lse.data_ptr<scalar_t>();
      for_each_head(
          queries, keys, n_heads, q.size(1),
          [&](int64_t, int64_t h, int64_t q0, int64_t k0,
              const kernels::AttentionShape& shape) {
            kernels::attend(
                shape, head_of<scalar_t>(q, q0, h, shape.head),
                head_of<scalar_t>(k, k0, h, shape.head),
                head_of<scalar_t>(v, k0, h, shape.head),
                head_to<scalar_t>(out, q0, h, shape.head),
                sums + q0 * n_heads + h, n_heads,
                workspace<scalar_t>(kernels::attention_workspace(shape)));
          });
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
    // Keys of cells without queries are reached by nobody.
    at::Tensor dk = at::zeros_like(k), dv = at::zeros_like(v);
    AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "attend_backward", [&] {
      const scalar_t* sums = lse.data_ptr<scalar_t>();
      for_each_head(
          saved[5], saved[6], n_heads, q.size(1),
          [&](int64_t, int64_t h, int64_t q0, int64_t k0,
              const kernels::AttentionShape& shape) {
            kernels::AttentionGradients<scalar_t> gradients;
            gradients.out = head_of<scalar_t>(out, q0, h, shape.head);
            gradients.grad_out = head_of<scalar_t>(g, q0, h, shape.head);
            gradients.q = head_to<scalar_t>(dq, q0, h, shape.head);
            gradients.k = head_to<scalar_t>(dk, k0, h, shape.head);
            gradients.v = head_to<scalar_t>(dv, k0, h, shape.head);
            kernels::attend_backward(
                shape, head_of<scalar_t>(q, q0, h, shape.head),
                head_of<scalar_t>(k, k0, h, shape.head),
                head_of<scalar_t>(v, k0, h, shape.head),
                sums + q0 * n_heads + h, n_heads, gradients,
                workspace<scalar_t>(kernels::attention_workspace(shape)));
          });
    });
    return {dq, dk, dv, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// [n, d] as [1, heads, n, head].
at::Tensor split_heads(const at::Tensor& rows, int64_t n_heads) {
  return rows.view({1, rows.size(0), n_heads, rows.size(1) / n_heads})
      .transpose(1, 2);
}

at::Tensor attend_by_cell(const at::Tensor& q, const at::Tensor& k,
                          const at::Tensor& v, const Segments& queries,
                          const Segments& keys, int64_t n_heads) {
  std::vector<at::Tensor> parts;
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(1) / n_heads));
  for (int64_t i = 0; i < queries.size(); ++i) {
    const auto rows = [i](const at::Tensor& x, const Segments& of) {
      return x.narrow(0, of.starts[i], of.length(i)).contiguous();
    };
    const at::Tensor qi = split_heads(rows(q, queries), n_heads);
    const at::Tensor ki = split_heads(rows(k, keys), n_heads);
    const at::Tensor vi = split_heads(rows(v, keys), n_heads);
    const at::Tensor weights =
        at::softmax(at::matmul(qi, ki.transpose(-2, -1)) * scale, -1);
    parts.push_back(at::matmul(weights, vi)
                        .transpose(1, 2)
                        .reshape({queries.length(i), q.size(1)}));
  }
  return at::cat(parts);
}

// Places of the rows of some cells, padded to `length`: behind the last row of
// a cell stands `behind`.
at::Tensor padded_places(const Segments& segments,
                         const std::vector<int64_t>& cells, int64_t length,
                         int64_t behind) {
  const auto n = static_cast<int64_t>(cells.size());
  at::Tensor places = at::full({n, length}, behind, at::kLong);
  int64_t* out = places.data_ptr<int64_t>();
  for (int64_t b = 0; b < n; ++b) {
    std::iota(out + b * length, out + b * length + segments.length(cells[b]),
              segments.starts[cells[b]]);
  }
  return places;
}

int64_t longest(const Segments& segments, const std::vector<int64_t>& cells) {
  int64_t most = 0;
  for (int64_t cell : cells) most = std::max(most, segments.length(cell));
  return most;
}

// One bucket: [cells * padded queries, d].
at::Tensor attend_bucket(const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const Segments& queries,
                         const Segments& keys,
                         const std::vector<int64_t>& cells, int64_t n_heads) {
  const auto n = static_cast<int64_t>(cells.size());
  const int64_t nq = longest(queries, cells), nk = longest(keys, cells);
  const int64_t width = q.size(1), head = width / n_heads;
  const auto padded = [&](const at::Tensor& rows, const at::Tensor& places,
                          int64_t length) {
    return rows.index_select(0, places.view({-1}).to(rows.device()))
        .view({n, length, n_heads, head})
        .transpose(1, 2);
  };
  // The row behind the last one is zero: see attend_by_buckets().
  const at::Tensor key_places = padded_places(keys, cells, nk, keys.total());
  const at::Tensor allowed =
      key_places.ne(keys.total()).to(q.device()).view({n, 1, 1, nk});
  const at::Tensor out = fused_attention(
      padded(q, padded_places(queries, cells, nq, queries.total()), nq),
      padded(k, key_places, nk), padded(v, key_places, nk), allowed);
  return out.transpose(1, 2).reshape({n * nq, width});
}

at::Tensor attend_by_buckets(const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v, const Segments& queries,
                             const Segments& keys, int64_t n_heads) {
  const auto with_zero_row = [](const at::Tensor& x) {
    return at::cat({x, at::zeros({1, x.size(1)}, x.options())});
  };
  const at::Tensor qz = with_zero_row(q), kz = with_zero_row(k),
                   vz = with_zero_row(v);
  std::vector<at::Tensor> parts;
  std::vector<int64_t> place(queries.total());
  int64_t first = 0;
  for (const auto& cells : length_buckets(queries, keys)) {
    const int64_t nq = longest(queries, cells);
    if (nq == 0) continue;
    for (size_t b = 0; b < cells.size(); ++b) {
      const int64_t begin = queries.starts[cells[b]];
      for (int64_t i = 0; i < queries.length(cells[b]); ++i) {
        place[begin + i] = first + static_cast<int64_t>(b) * nq + i;
      }
    }
    parts.push_back(attend_bucket(qz, kz, vz, queries, keys, cells, n_heads));
    first += parts.back().size(0);
  }
  if (parts.empty()) return at::zeros_like(q);
  const at::Tensor places =
      at::tensor(place, at::TensorOptions().dtype(at::kLong)).to(q.device());
  return at::cat(parts).index_select(0, places);
}

}  // namespace

std::vector<std::vector<int64_t>> length_buckets(const Segments& queries,
                                                 const Segments& keys,
                                                 int64_t short_enough) {
  const auto work = [&](int64_t cell) {
    return std::max(queries.length(cell), keys.length(cell));
  };
  std::vector<int64_t> order(queries.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return work(a) > work(b); });
  std::vector<std::vector<int64_t>> buckets;
  for (int64_t cell : order) {
    const bool fits =
        !buckets.empty() && work(buckets.back().front()) <=
                                std::max(short_enough, work(cell) * 9 / 8);
    if (!fits) buckets.emplace_back();
    buckets.back().push_back(cell);
  }
  return buckets;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Segments& queries, const Segments& keys,
                  const AttentionPlan& plan) {
  if (plan.engine == Engine::kDense) {
    return attend_by_cell(q, k, v, queries, keys, plan.n_heads);
  }
  if (plan.engine == Engine::kTensor || !q.device().is_cpu()) {
    return attend_by_buckets(q, k, v, queries, keys, plan.n_heads);
  }
  return PackedAttention::apply(q, k, v, to_tensor(queries), to_tensor(keys),
                                plan.n_heads);
}

}  // namespace sailer
