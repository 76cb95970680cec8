// What is wrong with a count, on its way to R.
#pragma once

#include <Rcpp.h>

#include "../core/data/readers/count_check.h"

namespace sailer {

// NULL, or what is wrong with which count; R gives the names (R/cells-check.R).
inline SEXP wrap_problem(const CountProblem& problem) {
  if (!problem) return R_NilValue;
  return Rcpp::List::create(
      Rcpp::Named("kind") = problem_name(problem.kind),
      Rcpp::Named("cell") = static_cast<double>(problem.cell + 1),
      Rcpp::Named("feature") = static_cast<double>(problem.feature + 1),
      Rcpp::Named("value") = problem.value);
}

}  // namespace sailer
