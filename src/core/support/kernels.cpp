#include "kernels.h"

#include <cmath>
#include <cstring>

#include "kernel_math.h"

// GCC vectorises a loop with a conditional only if it may ignore floating-point
// traps. No loop here reads the floating-point flags, and infinities and NaN
// keep their meaning. Adam is in kernels_adam.cpp, because it needs other
// options.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

namespace sailer {
namespace kernels {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kRun = 16 * kLanes;
constexpr int64_t kColumns = 1024;  // output columns that stay in the cache

// Add four rows, or one row, to `out`.
template <typename T>
SAILER_INLINE void add_four(T* __restrict__ out, const T* a, const T* b,
                            const T* c, const T* d, int64_t width) {
  for (int64_t u = 0; u < width; ++u) out[u] += (a[u] + b[u]) + (c[u] + d[u]);
}

template <typename T>
SAILER_INLINE void add_one(T* __restrict__ out, const T* row, int64_t width) {
  for (int64_t u = 0; u < width; ++u) out[u] += row[u];
}

template <typename T>
SAILER_INLINE void sum_rows_loop(T* out, const T* weight, int64_t width,
                                 const int64_t* indices, int64_t n) {
  constexpr int64_t kAhead = 8;
  for (int64_t k = 0; k < n; ++k) {
    if (k + kAhead < n) fetch(weight + indices[k + kAhead] * width, width);
    add_one(out, weight + indices[k] * width, width);
  }
}

template <typename T>
SAILER_INLINE void spread_rows_loop(T* out, int64_t stride, const T* weight,
                                    int64_t width, const int64_t* starts,
                                    const int32_t* cells, int64_t first,
                                    int64_t last) {
  for (int64_t p = first; p < last; ++p) {
    const T* row = weight + p * width;
    for (int64_t k = starts[p]; k < starts[p + 1]; ++k) {
      add_one(out + cells[k] * stride, row, width);
    }
  }
}

template <typename T>
SAILER_INLINE void sum_cells_loop(T* __restrict__ out, const T* rows,
                                  int64_t stride, int64_t width,
                                  const int32_t* cells, int64_t n) {
  if (n == 0) {
    std::memset(out, 0, width * sizeof(T));
    return;
  }
  const T* a = rows + cells[0] * stride;
  if (n == 1) {
    std::memcpy(out, a, width * sizeof(T));
    return;
  }
  const T* b = rows + cells[1] * stride;
  for (int64_t u = 0; u < width; ++u) out[u] = a[u] + b[u];
  for (int64_t k = 2; k < n; ++k) {
    add_one(out, rows + cells[k] * stride, width);
  }
}

template <typename T>
SAILER_INLINE void sum_columns_loop(T* out, const T* rows, int64_t stride,
                                    int64_t width, int64_t n) {
  for (int64_t u = 0; u < width; u += kColumns) {
    const int64_t block = width - u < kColumns ? width - u : kColumns;
    const T* row = rows + u;
    std::memset(out + u, 0, block * sizeof(T));
    int64_t i = 0;
    for (; i + 4 <= n; i += 4, row += 4 * stride) {
      add_four(out + u, row, row + stride, row + 2 * stride, row + 3 * stride,
               block);
    }
    for (; i < n; ++i, row += stride) add_one(out + u, row, block);
  }
}

// log(1 + q) for q >= 0: 1 + q = 2^n (1 + f) with f near 0, and then as in
// Cephes' logf.
SAILER_INLINE float log_one_plus(float q) {
  const float u = 1.0f + q;
  int32_t bits;
  std::memcpy(&bits, &u, sizeof bits);
  const int32_t power = (bits - 0x3f3504f3) >> 23;
  const uint32_t inverse = static_cast<uint32_t>(127 - power) << 23;
  float scale;
  std::memcpy(&scale, &inverse, sizeof scale);
  const float f = power == 0 ? q : u * scale - 1.0f;
  float y = 7.0376836292e-2f;
  y = y * f - 1.1514610310e-1f;
  y = y * f + 1.1676998740e-1f;
  y = y * f - 1.2420140846e-1f;
  y = y * f + 1.4249322787e-1f;
  y = y * f - 1.6668057665e-1f;
  y = y * f + 2.0000714765e-1f;
  y = y * f - 2.4999993993e-1f;
  y = y * f + 3.3333331174e-1f;
  const float square = f * f;
  return 0.693147180559945f * static_cast<float>(power) +
         (f - 0.5f * square + f * square * y);
}

// softplus(a) = max(a, 0) + log(1 + e) with e = exp(-|a|). A sum of logarithms
// is the logarithm of a product, so sixteen numbers share one logarithm. The
// code holds product(1 + e) - 1, at most 2^16, so that small e keep their
// digits.
template <bool kStore>
SAILER_INLINE double softplus_run(float* __restrict__ logits, float scale) {
  float product[kRun], sum[kRun];
  for (int64_t k = 0; k < kRun; ++k) {
    const float a = logits[k];
    const float e = exp_of_negative(a < 0 ? a : -a);
    if (kStore) {
      const float inverse = scale / (1.0f + e);
      logits[k] = (a < 0 ? e : 1.0f) * inverse;
    }
    product[k] = e;
    sum[k] = a < 0 ? 0.0f : a;
  }
  // Combines one half with the other, which a compiler can vectorise.
  for (int64_t half = kRun / 2; half >= kLanes; half /= 2) {
    for (int64_t k = 0; k < half; ++k) {
      product[k] += product[k] * product[k + half] + product[k + half];
      sum[k] += sum[k + half];
    }
  }
  double total = 0;
  for (int64_t l = 0; l < kLanes; ++l) sum[l] += log_one_plus(product[l]);
  for (int64_t l = 0; l < kLanes; ++l) total += sum[l];
  return total;
}

template <bool kStore>
SAILER_INLINE double softplus_loop(float* logits, int64_t n, float scale) {
  double total = 0;
  int64_t k = 0;
  for (; k + kRun <= n; k += kRun) {
    total += softplus_run<kStore>(logits + k, scale);
  }
  if (k == n) return total;
  // Pads the rest to a full run with -inf, whose softplus is 0.
  float rest[kRun];
  for (int64_t r = 0; r < kRun; ++r) rest[r] = -INFINITY;
  std::memcpy(rest, logits + k, (n - k) * sizeof(float));
  total += softplus_run<kStore>(rest, scale);
  if (kStore) std::memcpy(logits + k, rest, (n - k) * sizeof(float));
  return total;
}

template <bool kStore>
SAILER_INLINE double softplus_loop(double* logits, int64_t n, double scale) {
  double total = 0;
  for (int64_t k = 0; k < n; ++k) {
    const double a = logits[k];
    const double e = std::exp(a < 0 ? a : -a);
    if (kStore) logits[k] = scale * (a < 0 ? e / (1 + e) : 1 / (1 + e));
    total += (a < 0 ? 0 : a) + std::log1p(e);
  }
  return total;
}

// Two rounds of the "lowbias32" mixer of C. Wellons, applied to a counter.
template <typename T>
SAILER_INLINE void dropout_mask_loop(T* out, int64_t n, double rate,
                                     uint64_t seed) {
  const uint32_t low = static_cast<uint32_t>(seed);
  const uint32_t high = static_cast<uint32_t>(seed >> 32);
  const uint32_t below = static_cast<uint32_t>(rate * 4294967296.0);
  const T kept = static_cast<T>(1 / (1 - rate));
  for (int64_t k = 0; k < n; ++k) {
    uint32_t x = static_cast<uint32_t>(k) ^ low;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x = x ^ (x >> 16) ^ high;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x = x ^ (x >> 16);
    out[k] = x < below ? T(0) : kept;
  }
}

// Handles one sparse row and the columns [0, kWidth) of q and out; the product
// of the row and q stays in registers.
template <int64_t kWidth>
SAILER_INLINE void add_gram_row(double* __restrict__ out,
                                const double* __restrict__ q, int64_t stride,
                                const int32_t* columns, const float* values,
                                int64_t n) {
  constexpr int64_t kAhead = 10;
  double product[kWidth] = {};
  for (int64_t k = 0; k < n; ++k) {
    if (k + kAhead < n) fetch(q + columns[k + kAhead] * stride, kWidth);
    const double value = values[k];
    const double* row = q + columns[k] * stride;
    for (int64_t u = 0; u < kWidth; ++u) product[u] += value * row[u];
  }
  for (int64_t k = 0; k < n; ++k) {
    if (k + kAhead < n) fetch(out + columns[k + kAhead] * stride, kWidth);
    const double value = values[k];
    double* row = out + columns[k] * stride;
    for (int64_t u = 0; u < kWidth; ++u) row[u] += value * product[u];
  }
}

// The widest piece whose product stays in registers.
constexpr int64_t kWidest = 48;

SAILER_INLINE void add_gram_rows_loop(double* out, const double* q,
                                      int64_t width, const int64_t* offsets,
                                      const int32_t* columns,
                                      const float* values, int64_t n_rows) {
#define SAILER_PIECE(kWidth)                                     \
  case kWidth:                                                   \
    add_gram_row<kWidth>(out + u, q + u, width, columns + begin, \
                         values + begin, n);                     \
    break
  for (int64_t r = 0; r < n_rows; ++r) {
    const int64_t begin = offsets[r], n = offsets[r + 1] - begin;
    for (int64_t u = 0, piece = 0; u < width; u += piece) {
      const int64_t rest = width - u < kWidest ? width - u : kWidest;
      piece = rest < 8 ? 1 : rest / 8 * 8;
      switch (piece) {
        SAILER_PIECE(48);
        SAILER_PIECE(40);
        SAILER_PIECE(32);
        SAILER_PIECE(24);
        SAILER_PIECE(16);
        SAILER_PIECE(8);
        SAILER_PIECE(1);
      }
    }
  }
#undef SAILER_PIECE
}

}  // namespace

// Defines a kernel from its loop, for floats in all versions and for doubles in
// a plain one. parameters(T) are the parameters of the loop.
#define SAILER_KERNEL(name, parameters, arguments)        \
  SAILER_CLONES(void, name, parameters(float), arguments, \
                name##_loop arguments)                    \
  void name parameters(double) { name##_loop arguments; }

#define PARAMETERS(T) (T * out, int64_t n, double rate, uint64_t seed)
SAILER_KERNEL(dropout_mask, PARAMETERS, (out, n, rate, seed))
#undef PARAMETERS

#define PARAMETERS(T) \
  (T * out, const T* weight, int64_t width, const int64_t* indices, int64_t n)
SAILER_KERNEL(sum_rows, PARAMETERS, (out, weight, width, indices, n))
#undef PARAMETERS

#define PARAMETERS(T)                                       \
  (T * out, int64_t stride, const T* weight, int64_t width, \
   const int64_t* starts, const int32_t* cells, int64_t first, int64_t last)
SAILER_KERNEL(spread_rows, PARAMETERS,
              (out, stride, weight, width, starts, cells, first, last))
#undef PARAMETERS

#define PARAMETERS(T)                                     \
  (T * out, const T* rows, int64_t stride, int64_t width, \
   const int32_t* cells, int64_t n)
SAILER_KERNEL(sum_cells, PARAMETERS, (out, rows, stride, width, cells, n))
#undef PARAMETERS

#define PARAMETERS(T) \
  (T * out, const T* rows, int64_t stride, int64_t width, int64_t n)
SAILER_KERNEL(sum_columns, PARAMETERS, (out, rows, stride, width, n))
#undef PARAMETERS

SAILER_CLONES(double, softplus_and_sigmoid,
              (float* logits, int64_t n, double scale), (logits, n, scale),
              softplus_loop<true>(logits, n, static_cast<float>(scale)))

double softplus_and_sigmoid(double* logits, int64_t n, double scale) {
  return softplus_loop<true>(logits, n, scale);
}

SAILER_CLONES(double, softplus_sum, (const float* logits, int64_t n),
              (logits, n),
              softplus_loop<false>(const_cast<float*>(logits), n, 1))

double softplus_sum(const double* logits, int64_t n) {
  return softplus_loop<false>(const_cast<double*>(logits), n, 1);
}

SAILER_CLONES(void, add_gram_rows,
              (double* out, const double* q, int64_t width,
               const int64_t* offsets, const int32_t* columns,
               const float* values, int64_t n_rows),
              (out, q, width, offsets, columns, values, n_rows),
              add_gram_rows_loop(out, q, width, offsets, columns, values,
                                 n_rows))

}  // namespace kernels
}  // namespace sailer
