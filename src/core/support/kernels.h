// The inner loops that dominate training on a CPU, on plain memory.
//
// The float versions are compiled once per instruction set and chosen by the
// loader at run time: one binary runs everywhere and uses AVX2 or AVX-512
// where they exist. The double versions are plain loops, for the tests.
#pragma once

#include <cstdint>

namespace sailer {
namespace kernels {

// out[group[p] * width + u] += weight[p * width + u] for the n peaks p in
// `indices`.
void sum_rows(float* out, const float* weight, int64_t width,
              const int64_t* indices, const int32_t* group, int64_t n);
void sum_rows(double* out, const double* weight, int64_t width,
              const int64_t* indices, const int32_t* group, int64_t n);

// out[u] += rows[cells[k] * stride + u] for the n cells, u < width.
void sum_cells(float* out, const float* rows, int64_t stride, int64_t width,
               const int32_t* cells, int64_t n);
void sum_cells(double* out, const double* rows, int64_t stride, int64_t width,
               const int32_t* cells, int64_t n);

// Replaces n logits by their sigmoid and returns the sum of their softplus
// log(1 + exp(a)), both without overflow for any finite logit. The float
// version is accurate to 4e-7 relative to max(1, |a|).
double softplus_and_sigmoid(float* logits, int64_t n);
double softplus_and_sigmoid(double* logits, int64_t n);

// The sum of softplus alone.
double softplus_sum(const float* logits, int64_t n);
double softplus_sum(const double* logits, int64_t n);

struct AdamCoefficients {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double step_size = 0;          // learning rate / (1 - beta1^t)
  double second_correction = 1;  // sqrt(1 - beta2^t)
};

// One step of Adam with coupled L2 decay in a single pass over n values.
void adam_step(float* parameter, const float* gradient, float* first,
               float* second, int64_t n, const AdamCoefficients& c);
void adam_step(double* parameter, const double* gradient, double* first,
               double* second, int64_t n, const AdamCoefficients& c);

}  // namespace kernels
}  // namespace sailer
