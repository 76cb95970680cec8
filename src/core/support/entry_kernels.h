// Inner loops over the open (cell, peak) entries of a minibatch, peak by peak,
// on plain memory: what is left of the last layer's products when only these
// entries are wanted. Compiled like kernels.h.
#pragma once

#include <cstdint>

namespace sailer {
namespace kernels {

// A range of n_peaks peaks with the entries of each: the cells of peak p are
// cells[starts[p] - starts[0]] ... cells[starts[p + 1] - starts[0] - 1].
struct EntryRange {
  const int64_t* starts;  // [n_peaks + 1]
  const int32_t* cells;
  int64_t n_peaks;
};

// out[k] = -(hidden of its cell . weight of its peak + bias of its peak +
// shift) for each entry k: the sign that softplus of an open peak wants.
//   hidden  row of cell i at hidden + i * stride     weight  [n_peaks, width]
void entry_logits(float* out, const EntryRange& entries, const float* hidden,
                  int64_t stride, const float* weight, const float* bias,
                  float shift, int64_t width);
void entry_logits(double* out, const EntryRange& entries, const double* hidden,
                  int64_t stride, const double* weight, const double* bias,
                  double shift, int64_t width);

// For slopes c[k] of the entries:
//   hidden_grad of the cell += c[k] * weight of the peak    rows of `width`
//   weight_grad of the peak += c[k] * hidden of the cell
//   bias_grad of the peak   += c[k]
void entry_gradients(float* hidden_grad, float* weight_grad, float* bias_grad,
                     const float* c, const EntryRange& entries,
                     const float* hidden, int64_t stride, const float* weight,
                     int64_t width);
void entry_gradients(double* hidden_grad, double* weight_grad,
                     double* bias_grad, const double* c,
                     const EntryRange& entries, const double* hidden,
                     int64_t stride, const double* weight, int64_t width);

}  // namespace kernels
}  // namespace sailer
