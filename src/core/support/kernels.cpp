#include "kernels.h"

#include <cmath>
#include <cstring>

// A select keeps a loop scalar unless traps may be ignored; no loop here reads
// the floating-point flags, and infinities and NaN keep their meaning.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

// Function clones need the loader's help (ifunc), which Linux on x86-64 has.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && \
    defined(__gnu_linux__)
#define SAILER_CLONES \
  __attribute__((     \
      target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#define SAILER_INLINE inline __attribute__((always_inline))
#else
#define SAILER_CLONES
#define SAILER_INLINE inline
#endif

namespace sailer {
namespace kernels {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kRun = 256;

template <typename T>
SAILER_INLINE void add_to(T* __restrict__ out, const T* __restrict__ row,
                          int64_t width) {
  for (int64_t u = 0; u < width; ++u) out[u] += row[u];
}

template <typename T>
SAILER_INLINE void sum_rows_loop(T* out, const T* weight, int64_t width,
                                 const int64_t* indices, const int32_t* group,
                                 int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    const int64_t p = indices[k];
    add_to(out + group[p] * width, weight + p * width, width);
  }
}

template <typename T>
SAILER_INLINE void sum_cells_loop(T* out, const T* rows, int64_t stride,
                                  int64_t width, const int32_t* cells,
                                  int64_t n) {
  for (int64_t k = 0; k < n; ++k) add_to(out, rows + cells[k] * stride, width);
}

// The square root of a non-negative number without std::sqrt, which may set
// errno and so keeps a loop scalar: three Newton steps on the inverse root.
SAILER_INLINE float square_root(float v) {
  int32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  bits = 0x5f375a86 - (bits >> 1);
  float y;
  std::memcpy(&y, &bits, sizeof y);
  const float half = 0.5f * v;
  y = y * (1.5f - half * y * y);
  y = y * (1.5f - half * y * y);
  y = y * (1.5f - half * y * y);
  return v * y;
}

SAILER_INLINE double square_root(double v) { return std::sqrt(v); }

template <typename T>
SAILER_INLINE void adam_loop(T* __restrict__ parameter,
                             const T* __restrict__ gradient,
                             T* __restrict__ first, T* __restrict__ second,
                             int64_t n, const AdamCoefficients& c) {
  const T beta1 = static_cast<T>(c.beta1), rest1 = static_cast<T>(1 - c.beta1);
  const T beta2 = static_cast<T>(c.beta2), rest2 = static_cast<T>(1 - c.beta2);
  const T decay = static_cast<T>(c.weight_decay);
  const T step = static_cast<T>(c.step_size);
  const T correction = static_cast<T>(1 / c.second_correction);
  const T epsilon = static_cast<T>(c.epsilon);
  for (int64_t k = 0; k < n; ++k) {
    const T g = gradient[k] + decay * parameter[k];
    const T m = beta1 * first[k] + rest1 * g;
    const T v = beta2 * second[k] + rest2 * g * g;
    first[k] = m;
    second[k] = v;
    parameter[k] -= step * m / (square_root(v) * correction + epsilon);
  }
}

// exp(x) for x <= 0, as Cephes does it: x = n log 2 + r, a polynomial in r.
SAILER_INLINE float exp_of_negative(float x) {
  x = x < -87.0f ? -87.0f : x;
  const float shifted = x * 1.44269504088896341f + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const float n = shifted - 12582912.0f;
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  // The low bits of `shifted` hold n: its power of two goes to the exponent.
  const int32_t power = static_cast<int32_t>(
      (static_cast<uint32_t>(bits) - 0x4B400000u + 127u) << 23);
  float scale;
  std::memcpy(&scale, &power, sizeof scale);
  return y * scale;
}

// log(1 + e) for 0 <= e <= 1, after Cephes' logf.
SAILER_INLINE float log_one_plus(float e) {
  const bool upper = e > 0.41421356f;
  const float f = upper ? (e - 1.0f) * 0.5f : e;
  const float base = upper ? 0.693147180559945f : 0.0f;
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
  return base + (f - 0.5f * square + f * square * y);
}

SAILER_INLINE float softplus_and_sigmoid_one(float a, float* sigmoid) {
  const float e = exp_of_negative(a < 0 ? a : -a);
  const float inverse = 1.0f / (1.0f + e);
  *sigmoid = a < 0 ? e * inverse : inverse;
  return (a < 0 ? 0.0f : a) + log_one_plus(e);
}

SAILER_INLINE double softplus_and_sigmoid_one(double a, double* sigmoid) {
  const double e = std::exp(a < 0 ? a : -a);
  *sigmoid = a < 0 ? e / (1 + e) : 1 / (1 + e);
  return (a < 0 ? 0 : a) + std::log1p(e);
}

// Element by element into a short buffer, then summed in lanes: each of the two
// inner loops becomes vector instructions. Lanes are float, runs are double.
template <typename T, bool kStore>
SAILER_INLINE double softplus_run(T* __restrict__ logits, int64_t n) {
  T softplus[kRun];
  for (int64_t k = 0; k < n; ++k) {
    T sigmoid;
    softplus[k] = softplus_and_sigmoid_one(logits[k], &sigmoid);
    if (kStore) logits[k] = sigmoid;
  }
  for (int64_t k = n; k < kRun; ++k) softplus[k] = 0;
  T lanes[kLanes] = {};
  for (int64_t r = 0; r < kRun; r += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += softplus[r + l];
  }
  double total = 0;
  for (int64_t l = 0; l < kLanes; ++l) total += lanes[l];
  return total;
}

template <typename T, bool kStore>
SAILER_INLINE double softplus_loop(T* logits, int64_t n) {
  double total = 0;
  int64_t k = 0;
  for (; k + kRun <= n; k += kRun) {
    total += softplus_run<T, kStore>(logits + k, kRun);
  }
  return total + softplus_run<T, kStore>(logits + k, n - k);
}

}  // namespace

SAILER_CLONES void sum_rows(float* out, const float* weight, int64_t width,
                            const int64_t* indices, const int32_t* group,
                            int64_t n) {
  sum_rows_loop(out, weight, width, indices, group, n);
}
void sum_rows(double* out, const double* weight, int64_t width,
              const int64_t* indices, const int32_t* group, int64_t n) {
  sum_rows_loop(out, weight, width, indices, group, n);
}

SAILER_CLONES void sum_cells(float* out, const float* rows, int64_t stride,
                             int64_t width, const int32_t* cells, int64_t n) {
  sum_cells_loop(out, rows, stride, width, cells, n);
}
void sum_cells(double* out, const double* rows, int64_t stride, int64_t width,
               const int32_t* cells, int64_t n) {
  sum_cells_loop(out, rows, stride, width, cells, n);
}

SAILER_CLONES double softplus_and_sigmoid(float* logits, int64_t n) {
  return softplus_loop<float, true>(logits, n);
}
double softplus_and_sigmoid(double* logits, int64_t n) {
  return softplus_loop<double, true>(logits, n);
}

SAILER_CLONES double softplus_sum(const float* logits, int64_t n) {
  return softplus_loop<float, false>(const_cast<float*>(logits), n);
}
double softplus_sum(const double* logits, int64_t n) {
  return softplus_loop<double, false>(const_cast<double*>(logits), n);
}

SAILER_CLONES void adam_step(float* parameter, const float* gradient,
                             float* first, float* second, int64_t n,
                             const AdamCoefficients& c) {
  adam_loop(parameter, gradient, first, second, n, c);
}
void adam_step(double* parameter, const double* gradient, double* first,
               double* second, int64_t n, const AdamCoefficients& c) {
  adam_loop(parameter, gradient, first, second, n, c);
}

}  // namespace kernels
}  // namespace sailer
