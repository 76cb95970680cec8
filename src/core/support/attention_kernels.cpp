#include "attention_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernel_math.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

namespace sailer {
namespace kernels {
namespace {

constexpr int64_t kLanes = 16;
// Queries that are processed together: as many running sums as AVX2 has
// registers for.
constexpr int64_t kRows = 6;

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));

constexpr int64_t round_up(int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

SAILER_INLINE Lanes* lanes(float* at) { return reinterpret_cast<Lanes*>(at); }
SAILER_INLINE const Lanes* lanes(const float* at) {
  return reinterpret_cast<const Lanes*>(at);
}

// Layout of the workspace.
struct Workspace {
  int64_t keys, head;                 // rounded up to whole lanes
  float *k_columns, *v_columns;       // [head][keys]
  float* rows;                        // [keys][head]: v forward, k backward
  float *k_sum, *v_sum;               // [keys][head]: gradients
  float *weights, *slopes;            // [kRows][keys]
  float *q_tile, *g_tile, *out_tile;  // [kRows][head]

  Workspace(const AttentionShape& shape, float* memory)
      : keys(round_up(shape.n_keys)), head(round_up(shape.head)) {
    const auto take = [&memory](int64_t n) {
      float* const part = memory;
      memory += n;
      return part;
    };
    k_columns = take(keys * head);
    v_columns = take(keys * head);
    rows = take(keys * head);
    k_sum = take(keys * head);
    v_sum = take(keys * head);
    weights = take(kRows * keys);
    slopes = take(kRows * keys);
    q_tile = take(kRows * head);
    g_tile = take(kRows * head);
    out_tile = take(kRows * head);
  }
};

// columns[c][j] = rows[j][c], zeros after the last key.
SAILER_INLINE void pack_columns(HeadRows<const float> from, int64_t n,
                                int64_t head, int64_t keys, float* columns) {
  for (int64_t c = 0; c < head; ++c) {
    float* column = columns + c * keys;
    for (int64_t j = 0; j < n; ++j) column[j] = from.data[j * from.stride + c];
    for (int64_t j = n; j < keys; ++j) column[j] = 0;
  }
}

// Copies `n` rows into rows of `padded` numbers, with zeros after the head; the
// remaining rows, up to `total`, are zeros.
SAILER_INLINE void pack_rows(HeadRows<const float> from, int64_t n,
                             int64_t head, int64_t padded, int64_t total,
                             float* rows) {
  std::memset(rows, 0, sizeof(float) * total * padded);
  for (int64_t j = 0; j < n; ++j) {
    std::memcpy(rows + j * padded, from.data + j * from.stride,
                sizeof(float) * head);
  }
}

SAILER_INLINE void unpack_rows(const float* rows, int64_t n, int64_t head,
                               int64_t padded, HeadRows<float> to) {
  for (int64_t j = 0; j < n; ++j) {
    std::memcpy(to.data + j * to.stride, rows + j * padded,
                sizeof(float) * head);
  }
}

// out[r][j] = scale * sum over c of tile[r][c] columns[c][j].
SAILER_INLINE void multiply_columns(const float* tile, int64_t tile_stride,
                                    const float* columns, int64_t head,
                                    int64_t keys, float scale, float* out) {
  for (int64_t j = 0; j < keys; j += kLanes) {
    Lanes sum[kRows] = {};
    for (int64_t c = 0; c < head; ++c) {
      const Lanes column = *lanes(columns + c * keys + j);
      for (int64_t r = 0; r < kRows; ++r) {
        sum[r] += tile[r * tile_stride + c] * column;
      }
    }
    for (int64_t r = 0; r < kRows; ++r) {
      *lanes(out + r * keys + j) = scale * sum[r];
    }
  }
}

// out[r][c] = sum over j of weights[r][j] rows[j][c].
SAILER_INLINE void multiply_rows(const float* weights, int64_t keys,
                                 const float* rows, int64_t n, int64_t head,
                                 float* out) {
  for (int64_t c = 0; c < head; c += kLanes) {
    Lanes sum[kRows] = {};
    for (int64_t j = 0; j < n; ++j) {
      const Lanes row = *lanes(rows + j * head + c);
      for (int64_t r = 0; r < kRows; ++r) sum[r] += weights[r * keys + j] * row;
    }
    for (int64_t r = 0; r < kRows; ++r) *lanes(out + r * head + c) = sum[r];
  }
}

// sums[j][c] += sum over r of weights[r][j] tile[r][c].
SAILER_INLINE void add_outer(const float* weights, int64_t keys,
                             const float* tile, int64_t n, int64_t head,
                             float* sums) {
  for (int64_t c = 0; c < head; c += kLanes) {
    Lanes row[kRows];
    for (int64_t r = 0; r < kRows; ++r) row[r] = *lanes(tile + r * head + c);
    for (int64_t j = 0; j < n; ++j) {
      Lanes sum = *lanes(sums + j * head + c);
      for (int64_t r = 0; r < kRows; ++r) sum += weights[r * keys + j] * row[r];
      *lanes(sums + j * head + c) = sum;
    }
  }
}

// Turns the scores of a query into weights that sum to one; weights after the
// last key are zero. Returns the logarithm of the sum of the exponentials of
// the scores.
SAILER_INLINE float normalize(float* row, int64_t n, int64_t keys) {
  for (int64_t j = n; j < keys; ++j) row[j] = -INFINITY;
  float part[kLanes];
  std::memcpy(part, row, sizeof part);
  for (int64_t j = kLanes; j < keys; j += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      part[l] = row[j + l] > part[l] ? row[j + l] : part[l];
    }
  }
  float top = part[0];
  for (int64_t l = 1; l < kLanes; ++l) top = part[l] > top ? part[l] : top;
  for (int64_t j = 0; j < keys; ++j) {
    // exp_of_negative() never returns less than exp(-87), so the smallest
    // values are set to zero here.
    const float x = row[j] - top;
    const float e = exp_of_negative(x);
    row[j] = x < -86.0f ? 0.0f : e;
  }
  Lanes sums = {};
  for (int64_t j = 0; j < keys; j += kLanes) sums += *lanes(row + j);
  std::memcpy(part, &sums, sizeof part);
  float sum = 0;
  for (int64_t l = 0; l < kLanes; ++l) sum += part[l];
  const float inverse = 1 / sum;
  for (int64_t j = 0; j < keys; ++j) row[j] *= inverse;
  return top + std::log(sum);
}

// Recomputes the same weights from the known logarithm of the sum.
SAILER_INLINE void exponentiate(float* row, int64_t n, int64_t keys,
                                float lse) {
  for (int64_t j = 0; j < keys; ++j) {
    float x = row[j] - lse;
    x = x > 0 ? 0 : x;  // due to rounding
    const float e = exp_of_negative(x);
    row[j] = x < -86.0f ? 0.0f : e;
  }
  for (int64_t j = n; j < keys; ++j) row[j] = 0;
}

SAILER_INLINE void attend_loop(const AttentionShape& shape,
                               HeadRows<const float> q, HeadRows<const float> k,
                               HeadRows<const float> v, HeadRows<float> out,
                               float* lse, int64_t lse_stride, float* memory) {
  const Workspace work(shape, memory);
  const auto scale = static_cast<float>(shape.scale);
  pack_columns(k, shape.n_keys, shape.head, work.keys, work.k_columns);
  pack_rows(v, shape.n_keys, shape.head, work.head, work.keys, work.rows);
  for (int64_t i = 0; i < shape.n_queries; i += kRows) {
    const int64_t n = std::min(kRows, shape.n_queries - i);
    pack_rows(q.from(i), n, shape.head, work.head, kRows, work.q_tile);
    multiply_columns(work.q_tile, work.head, work.k_columns, shape.head,
                     work.keys, scale, work.weights);
    for (int64_t r = 0; r < n; ++r) {
      lse[(i + r) * lse_stride] =
          normalize(work.weights + r * work.keys, shape.n_keys, work.keys);
    }
    multiply_rows(work.weights, work.keys, work.rows, shape.n_keys, work.head,
                  work.out_tile);
    unpack_rows(work.out_tile, n, shape.head, work.head, out.from(i));
  }
}

// Turns the gradients dp of the weights p, in `slopes`, into those of q . k:
// scale p (dp - delta) with delta = out . grad_out.
SAILER_INLINE void slope(float* weights, float* slopes, int64_t keys,
                         const float* out, const float* grad_out, int64_t head,
                         float scale) {
  float delta = 0;
  for (int64_t c = 0; c < head; ++c) delta += out[c] * grad_out[c];
  for (int64_t j = 0; j < keys; ++j) {
    slopes[j] = scale * weights[j] * (slopes[j] - delta);
  }
}

SAILER_INLINE void backward_loop(
    const AttentionShape& shape, HeadRows<const float> q,
    HeadRows<const float> k, HeadRows<const float> v, const float* lse,
    int64_t lse_stride, const AttentionGradients& gradients, float* memory) {
  const Workspace work(shape, memory);
  const auto scale = static_cast<float>(shape.scale);
  const int64_t keys = work.keys, head = work.head, n_keys = shape.n_keys;
  pack_columns(k, n_keys, shape.head, keys, work.k_columns);
  pack_columns(v, n_keys, shape.head, keys, work.v_columns);
  pack_rows(k, n_keys, shape.head, head, keys, work.rows);
  std::memset(work.k_sum, 0, sizeof(float) * keys * head);
  std::memset(work.v_sum, 0, sizeof(float) * keys * head);
  const HeadRows<const float> grad_out = gradients.grad_out;
  for (int64_t i = 0; i < shape.n_queries; i += kRows) {
    const int64_t n = std::min(kRows, shape.n_queries - i);
    pack_rows(q.from(i), n, shape.head, head, kRows, work.q_tile);
    pack_rows(grad_out.from(i), n, shape.head, head, kRows, work.g_tile);
    multiply_columns(work.q_tile, head, work.k_columns, shape.head, keys, scale,
                     work.weights);
    multiply_columns(work.g_tile, head, work.v_columns, shape.head, keys, 1,
                     work.slopes);
    // Rows of the tile after the last query do not contribute: zeros.
    for (int64_t r = 0; r < kRows; ++r) {
      float* weights = work.weights + r * keys;
      if (r >= n) {
        std::memset(weights, 0, sizeof(float) * keys);
        std::memset(work.slopes + r * keys, 0, sizeof(float) * keys);
        continue;
      }
      exponentiate(weights, n_keys, keys, lse[(i + r) * lse_stride]);
      slope(weights, work.slopes + r * keys, keys,
            gradients.out.from(i + r).data, grad_out.from(i + r).data,
            shape.head, scale);
    }
    add_outer(work.weights, keys, work.g_tile, n_keys, head, work.v_sum);
    add_outer(work.slopes, keys, work.q_tile, n_keys, head, work.k_sum);
    multiply_rows(work.slopes, keys, work.rows, n_keys, head, work.out_tile);
    unpack_rows(work.out_tile, n, shape.head, head, gradients.q.from(i));
  }
  unpack_rows(work.k_sum, n_keys, shape.head, head, gradients.k);
  unpack_rows(work.v_sum, n_keys, shape.head, head, gradients.v);
}

}  // namespace

int64_t attention_workspace(const AttentionShape& shape) {
  const int64_t keys = round_up(shape.n_keys), head = round_up(shape.head);
  return 5 * keys * head + 2 * kRows * keys + 3 * kRows * head;
}

SAILER_CLONES(void, attend,
              (const AttentionShape& shape, HeadRows<const float> q,
               HeadRows<const float> k, HeadRows<const float> v,
               HeadRows<float> out, float* lse, int64_t lse_stride,
               float* workspace),
              (shape, q, k, v, out, lse, lse_stride, workspace),
              attend_loop(shape, q, k, v, out, lse, lse_stride, workspace))

SAILER_CLONES(void, attend_backward,
              (const AttentionShape& shape, HeadRows<const float> q,
               HeadRows<const float> k, HeadRows<const float> v,
               const float* lse, int64_t lse_stride,
               const AttentionGradients& gradients, float* workspace),
              (shape, q, k, v, lse, lse_stride, gradients, workspace),
              backward_loop(shape, q, k, v, lse, lse_stride, gradients,
                            workspace))

}  // namespace kernels
}  // namespace sailer
