// How a CellSource travels through R: an external pointer to a shared pointer.
#pragma once

#include <Rcpp.h>

#include "../core/data/readers/cell_source.h"

namespace sailer {

using SourceXPtr = Rcpp::XPtr<CellSourcePtr>;

inline SEXP wrap_source(CellSourcePtr source) {
  return SourceXPtr(new CellSourcePtr(std::move(source)), true);
}

inline CellSourcePtr unwrap_source(SEXP pointer) {
  SourceXPtr held(pointer);
  if (held.get() == nullptr || !*held) {
    Rcpp::stop("These cells belong to an earlier R session; open them again.");
  }
  return *held;
}

}  // namespace sailer
