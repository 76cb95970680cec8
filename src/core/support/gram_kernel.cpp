#include "kernel_math.h"
#include "kernels.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

namespace sailer {
namespace kernels {
namespace {

// Of one sparse row and the columns [0, kWidth) of q and out, whose product
// with the row stays in registers.
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

// The widest piece of a width whose product stays in registers.
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

SAILER_CLONES(void, add_gram_rows,
              (double* out, const double* q, int64_t width,
               const int64_t* offsets, const int32_t* columns,
               const float* values, int64_t n_rows),
              (out, q, width, offsets, columns, values, n_rows),
              add_gram_rows_loop(out, q, width, offsets, columns, values,
                                 n_rows))

}  // namespace kernels
}  // namespace sailer
