// Places and matrices on their way between R and the core.
#pragma once

#include <Rcpp.h>

#include <cstdint>
#include <vector>

#include "../core/data/feature_map.h"

namespace sailer {

// R counts from 1. Integer vectors, or numbers where there may be many.
template <typename Vector>
std::vector<int64_t> places_from_r(const Vector& places) {
  std::vector<int64_t> out;
  out.reserve(static_cast<size_t>(places.size()));
  for (auto place : places) out.push_back(static_cast<int64_t>(place) - 1);
  return out;
}

// The place of each feature in a model or a common set, NA where it has none.
// NULL: no map.
inline FeatureMap feature_map_from_r(const Rcpp::RObject& places) {
  FeatureMap map;
  if (places.isNULL()) return map;
  for (int place : Rcpp::IntegerVector(places)) {
    map.push_back(place == NA_INTEGER ? -1 : place - 1);
  }
  return map;
}

// Row-major rows x columns to R's column-major matrix.
template <typename T>
Rcpp::NumericMatrix matrix_to_r(const std::vector<T>& values, int64_t rows,
                                int64_t columns) {
  Rcpp::NumericMatrix out(static_cast<int>(rows), static_cast<int>(columns));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k < columns; ++k) {
      out(static_cast<int>(i), static_cast<int>(k)) = values[i * columns + k];
    }
  }
  return out;
}

}  // namespace sailer
