// Converts R matrices to tensors, for bindings that include LibTorch.
#pragma once

#include <ATen/ATen.h>
#include <Rcpp.h>

namespace sailer {

// Returns a copy of R's column-major matrix, [rows, columns], double and
// contiguous.
inline at::Tensor tensor_from_r(const Rcpp::NumericMatrix& matrix) {
  return at::from_blob(const_cast<double*>(matrix.begin()),
                       {matrix.ncol(), matrix.nrow()}, at::kDouble)
      .t()
      .clone(at::MemoryFormat::Contiguous);
}

inline at::Tensor vector_from_r(const Rcpp::NumericVector& vector) {
  return at::from_blob(const_cast<double*>(vector.begin()), {vector.size()},
                       at::kDouble)
      .clone();
}

}  // namespace sailer
