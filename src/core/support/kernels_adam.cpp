#include <cmath>
#include <cstring>
#include <limits>

#include "kernel_math.h"
#include "kernels.h"

// Multiplications and additions are not fused: an element then has the same
// bits regardless of its position and of the instructions used, so it does not
// matter how a parameter is divided into pieces. The square root becomes an
// instruction only if it need not set errno, and the maximum below only if
// floating-point traps may be ignored.
#if defined(__clang__)
#pragma clang fp contract(off)
#else
#pragma GCC optimize("O3", "no-trapping-math", "no-math-errno", \
                     "fp-contract=off")
#endif

namespace sailer {
namespace kernels {
namespace {

// std::sqrt is not inlined if the options above differ from those that its
// header was compiled with.
SAILER_INLINE float square_root(float v) { return __builtin_sqrtf(v); }
SAILER_INLINE double square_root(double v) { return __builtin_sqrt(v); }

// The bits of a number without its sign, as an integer: it grows with the
// magnitude, up to infinity and, beyond that, NaN.
SAILER_INLINE int32_t magnitude(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & INT32_MAX;
}
SAILER_INLINE int64_t magnitude(double value) {
  int64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & INT64_MAX;
}

template <typename T, bool kGradient>
SAILER_INLINE bool adam_loop(T* __restrict__ parameter,
                             const T* __restrict__ gradient,
                             T* __restrict__ first, T* __restrict__ second,
                             int64_t n, const AdamCoefficients& c) {
  const T beta1 = static_cast<T>(c.beta1), rest1 = static_cast<T>(1 - c.beta1);
  const T beta2 = static_cast<T>(c.beta2), rest2 = static_cast<T>(1 - c.beta2);
  const T decay = static_cast<T>(c.weight_decay);
  const T step = static_cast<T>(c.step_size);
  const T correction = static_cast<T>(1 / c.second_correction);
  const T epsilon = static_cast<T>(c.epsilon);
  // A second moment that is infinite or NaN stays so, and so does a parameter:
  // the largest magnitude of both reveals any value that is not finite.
  decltype(magnitude(T())) largest = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T g = (kGradient ? gradient[k] : T(0)) + decay * parameter[k];
    const T m = beta1 * first[k] + rest1 * g;
    const T v = beta2 * second[k] + rest2 * g * g;
    const T p =
        parameter[k] - step * m / (square_root(v) * correction + epsilon);
    first[k] = m;
    second[k] = v;
    parameter[k] = p;
    const auto of_v = magnitude(v), of_p = magnitude(p);
    const auto larger = of_v > of_p ? of_v : of_p;
    largest = larger > largest ? larger : largest;
  }
  return largest < magnitude(std::numeric_limits<T>::infinity());
}

template <typename T>
SAILER_INLINE bool adam_any(T* parameter, const T* gradient, T* first,
                            T* second, int64_t n, const AdamCoefficients& c) {
  return gradient == nullptr
             ? adam_loop<T, false>(parameter, gradient, first, second, n, c)
             : adam_loop<T, true>(parameter, gradient, first, second, n, c);
}

}  // namespace

SAILER_CLONES(bool, adam_step,
              (float* parameter, const float* gradient, float* first,
               float* second, int64_t n, const AdamCoefficients& c),
              (parameter, gradient, first, second, n, c),
              adam_any(parameter, gradient, first, second, n, c))

bool adam_step(double* parameter, const double* gradient, double* first,
               double* second, int64_t n, const AdamCoefficients& c) {
  return adam_any(parameter, gradient, first, second, n, c);
}

}  // namespace kernels
}  // namespace sailer
