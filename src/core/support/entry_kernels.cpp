#include "entry_kernels.h"

#include "clones.h"

// A select keeps a loop scalar unless traps may be ignored, and a dot product,
// a chain of additions, unless it may be split. Infinities and NaN keep their
// meaning.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math", "associative-math", \
                     "no-signed-zeros")
#endif

namespace sailer {
namespace kernels {
namespace {

template <typename T>
SAILER_INLINE T dot(const T* __restrict__ a, const T* __restrict__ b,
                    int64_t width) {
  T sum = 0;
  for (int64_t u = 0; u < width; ++u) sum += a[u] * b[u];
  return sum;
}

template <typename T>
SAILER_INLINE void logits_loop(T* __restrict__ out, const EntryRange& entries,
                               const T* hidden, int64_t stride, const T* weight,
                               const T* bias, T shift, int64_t width) {
  int64_t k = 0;
  for (int64_t p = 0; p < entries.n_peaks; ++p) {
    const T* w = weight + p * width;
    const int64_t end = entries.starts[p + 1] - entries.starts[0];
    for (; k < end; ++k) {
      const T* h = hidden + entries.cells[k] * stride;
      out[k] = -(dot(h, w, width) + (bias[p] + shift));
    }
  }
}

// Both sums in one pass over the pair of rows.
template <typename T>
SAILER_INLINE void add_pair(T* __restrict__ hidden_grad,
                            T* __restrict__ weight_grad,
                            const T* __restrict__ hidden,
                            const T* __restrict__ weight, T c, int64_t width) {
  for (int64_t u = 0; u < width; ++u) {
    hidden_grad[u] += c * weight[u];
    weight_grad[u] += c * hidden[u];
  }
}

template <typename T>
SAILER_INLINE void gradients_loop(T* hidden_grad, T* weight_grad, T* bias_grad,
                                  const T* c, const EntryRange& entries,
                                  const T* hidden, int64_t stride,
                                  const T* weight, int64_t width) {
  int64_t k = 0;
  for (int64_t p = 0; p < entries.n_peaks; ++p) {
    const int64_t end = entries.starts[p + 1] - entries.starts[0];
    for (; k < end; ++k) {
      const int64_t cell = entries.cells[k];
      add_pair(hidden_grad + cell * width, weight_grad + p * width,
               hidden + cell * stride, weight + p * width, c[k], width);
      bias_grad[p] += c[k];
    }
  }
}

}  // namespace

SAILER_CLONES(void, entry_logits,
              (float* out, const EntryRange& entries, const float* hidden,
               int64_t stride, const float* weight, const float* bias,
               float shift, int64_t width),
              (out, entries, hidden, stride, weight, bias, shift, width),
              logits_loop(out, entries, hidden, stride, weight, bias, shift,
                          width))

void entry_logits(double* out, const EntryRange& entries, const double* hidden,
                  int64_t stride, const double* weight, const double* bias,
                  double shift, int64_t width) {
  logits_loop(out, entries, hidden, stride, weight, bias, shift, width);
}

SAILER_CLONES(void, entry_gradients,
              (float* hidden_grad, float* weight_grad, float* bias_grad,
               const float* c, const EntryRange& entries, const float* hidden,
               int64_t stride, const float* weight, int64_t width),
              (hidden_grad, weight_grad, bias_grad, c, entries, hidden, stride,
               weight, width),
              gradients_loop(hidden_grad, weight_grad, bias_grad, c, entries,
                             hidden, stride, weight, width))

void entry_gradients(double* hidden_grad, double* weight_grad,
                     double* bias_grad, const double* c,
                     const EntryRange& entries, const double* hidden,
                     int64_t stride, const double* weight, int64_t width) {
  gradients_loop(hidden_grad, weight_grad, bias_grad, c, entries, hidden,
                 stride, weight, width);
}

}  // namespace kernels
}  // namespace sailer
