// Converts cells, positions, matrices and texts between R and the core.
//
// Cells and features are counted from 1 in R and from 0 in the core. Numbers of
// cells are passed as doubles, because they may exceed 2^31.
#pragma once

#include <Rcpp.h>

#include <string>
#include <utility>
#include <vector>

#include "../core/data/confounders.h"
#include "../core/data/feature_map.h"
#include "../core/data/readers/count_check.h"

namespace sailer {

using Rcpp::_;

// How R holds a CellSource: an external pointer to a shared pointer.
using SourceXPtr = Rcpp::XPtr<CellSourcePtr>;

inline SEXP wrap_source(CellSourcePtr source) {
  if (source == nullptr) return R_NilValue;
  return SourceXPtr(new CellSourcePtr(std::move(source)), true);
}

inline CellSourcePtr unwrap_source(SEXP pointer) {
  SourceXPtr held(pointer);
  if (held.get() == nullptr || !*held) {
    Rcpp::stop("These cells belong to an earlier R session; open them again.");
  }
  return *held;
}

// False for a pointer that went through saveRDS() or to another process.
inline bool is_alive(SEXP pointer) {
  return TYPEOF(pointer) == EXTPTRSXP && R_ExternalPtrAddr(pointer) != nullptr;
}

// Returns NULL, or which count is wrong and how; R adds the names
// (R/cells-check.R).
inline Rcpp::RObject wrap_problem(const CountProblem& problem) {
  if (!problem) return R_NilValue;
  return Rcpp::List::create(
      _["kind"] = problem_name(problem.kind), _["cell"] = problem.cell + 1,
      _["feature"] = problem.feature + 1, _["value"] = problem.value);
}

// From 1-based to 0-based: takes an integer vector, or doubles if there may be
// many.
template <typename Vector>
std::vector<int64_t> places_from_r(const Vector& places) {
  std::vector<int64_t> out(places.begin(), places.end());
  for (int64_t& place : out) --place;
  return out;
}

inline Rcpp::NumericVector places_to_r(const std::vector<int64_t>& places) {
  return Rcpp::NumericVector(places.begin(), places.end()) + 1.0;
}

// The position of each feature in a model or a common set, NA if it has none.
// NULL: no map.
inline FeatureMap feature_map_from_r(const Rcpp::RObject& places) {
  FeatureMap map;
  if (places.isNULL()) return map;
  for (int place : Rcpp::IntegerVector(places)) {
    map.push_back(place == NA_INTEGER ? -1 : place - 1);
  }
  return map;
}

// Converts row-major rows x columns to R's column-major matrix, and back.
template <typename T>
Rcpp::NumericMatrix matrix_to_r(const std::vector<T>& values, int64_t rows,
                                int64_t columns) {
  return Rcpp::transpose(Rcpp::NumericMatrix(
      static_cast<int>(columns), static_cast<int>(rows), values.begin()));
}

inline std::vector<float> row_major_from_r(const Rcpp::NumericMatrix& values) {
  const Rcpp::NumericMatrix rows = Rcpp::transpose(values);
  return {rows.begin(), rows.end()};
}

// A reference embedding (SAILERX): NULL, or list(values = cells x width,
// present, weight).
inline Reference reference_from_r(SEXP given) {
  if (Rf_isNull(given)) return {};
  const Rcpp::List parts(given);
  const Rcpp::NumericMatrix values = parts["values"];
  return {values.ncol(), row_major_from_r(values),
          Rcpp::as<std::vector<float>>(parts["present"]),
          Rcpp::as<std::vector<float>>(parts["weight"])};
}

// All text in the core is UTF-8. With `absent`, empty text becomes NA.
inline Rcpp::CharacterVector texts_to_r(const std::vector<std::string>& texts,
                                        bool absent = false) {
  Rcpp::CharacterVector out(texts.size());
  for (size_t k = 0; k < texts.size(); ++k) {
    out[k] = absent && texts[k].empty()
                 ? NA_STRING
                 : Rf_mkCharLenCE(texts[k].data(),
                                  static_cast<int>(texts[k].size()), CE_UTF8);
  }
  return out;
}

// NA becomes "".
inline std::vector<std::string> texts_from_r(
    const Rcpp::CharacterVector& texts) {
  std::vector<std::string> out;
  for (R_xlen_t k = 0; k < texts.size(); ++k) {
    const SEXP text = texts[k];
    out.emplace_back(text == NA_STRING ? "" : Rf_translateCharUTF8(text));
  }
  return out;
}

}  // namespace sailer
