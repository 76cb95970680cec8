// The inner loops that dominate training on a CPU, on plain memory.
//
// The float versions and add_gram_rows() are compiled once per instruction set,
// and the best version is chosen at run time: one binary runs everywhere and
// uses AVX2 or AVX-512 where they exist. The other double versions are plain
// loops, for the tests.
#pragma once

#include <cstdint>

namespace sailer {
namespace kernels {

// out[u] += weight[p * width + u] for the n rows p in `indices`, in this order.
void sum_rows(float* out, const float* weight, int64_t width,
              const int64_t* indices, int64_t n);
void sum_rows(double* out, const double* weight, int64_t width,
              const int64_t* indices, int64_t n);

// The same, transposed: adds row p of `weight`, first <= p < last, to the row
// of `out` of each cell in cells[starts[p]] ... cells[starts[p + 1] - 1]. Every
// value of `out` has the same bits as from sum_rows() with increasing indices.
void spread_rows(float* out, int64_t stride, const float* weight, int64_t width,
                 const int64_t* starts, const int32_t* cells, int64_t first,
                 int64_t last);
void spread_rows(double* out, int64_t stride, const double* weight,
                 int64_t width, const int64_t* starts, const int32_t* cells,
                 int64_t first, int64_t last);

// out[u] = sum of rows[cells[k] * stride + u] over the n cells, u < width.
void sum_cells(float* out, const float* rows, int64_t stride, int64_t width,
               const int32_t* cells, int64_t n);
void sum_cells(double* out, const double* rows, int64_t stride, int64_t width,
               const int32_t* cells, int64_t n);

// out[u] = sum of rows[i * stride + u] over the first n rows, u < width.
void sum_columns(float* out, const float* rows, int64_t stride, int64_t width,
                 int64_t n);
void sum_columns(double* out, const double* rows, int64_t stride, int64_t width,
                 int64_t n);

// Replaces n logits by `scale` times their sigmoid and returns the sum of their
// softplus log(1 + exp(a)), both without overflow for any finite logit. The
// float version is accurate to 4e-7 relative to max(1, |a|).
double softplus_and_sigmoid(float* logits, int64_t n, double scale = 1);
double softplus_and_sigmoid(double* logits, int64_t n, double scale = 1);

// Returns only the sum of softplus.
double softplus_sum(const float* logits, int64_t n);
double softplus_sum(const double* logits, int64_t n);

// out[k] = 0 with probability `rate`, else 1 / (1 - rate), for n < 2^32 values.
// Decided by a hash of k and `seed`, so the same on every machine.
void dropout_mask(float* out, int64_t n, double rate, uint64_t seed);
void dropout_mask(double* out, int64_t n, double rate, uint64_t seed);

struct AdamCoefficients {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double step_size = 0;          // learning rate / (1 - beta1^t)
  double second_correction = 1;  // sqrt(1 - beta2^t)
};

// Performs one step of Adam with coupled L2 decay in a single pass over n
// values. A null `gradient` means all zeros. Returns false if a value that it
// wrote is not finite. The bits of every value are the same regardless of how
// an array is divided into calls.
bool adam_step(float* parameter, const float* gradient, float* first,
               float* second, int64_t n, const AdamCoefficients& c);
bool adam_step(double* parameter, const double* gradient, double* first,
               double* second, int64_t n, const AdamCoefficients& c);

// out += A'(A q) for the sparse rows of A, one after another: row r has
// values[k] in column columns[k], offsets[r] <= k < offsets[r + 1].
//   q, out  [columns of A, width], row-major
void add_gram_rows(double* out, const double* q, int64_t width,
                   const int64_t* offsets, const int32_t* columns,
                   const float* values, int64_t n_rows);

}  // namespace kernels
}  // namespace sailer
