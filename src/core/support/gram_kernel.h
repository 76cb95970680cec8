// The inner loop of a streamed decomposition (core/linear), on plain memory.
// Compiled like kernels.h.
#pragma once

#include <cstdint>

namespace sailer {
namespace kernels {

// out += A'(A q) for the sparse rows of A, one after another: row r has the
// values[k] in columns[k], offsets[r] <= k < offsets[r + 1].
//   q, out  [columns of A, width], row-major
void add_gram_rows(double* out, const double* q, int64_t width,
                   const int64_t* offsets, const int32_t* columns,
                   const float* values, int64_t n_rows);

}  // namespace kernels
}  // namespace sailer
