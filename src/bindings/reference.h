// A reference embedding (SAILERX) on its way from R to the core.
#pragma once

#include <Rcpp.h>

#include <vector>

#include "../core/data/confounders.h"

namespace sailer {

// NULL, or list(values = cells x width, present, weight).
inline Reference reference_from_r(SEXP given) {
  Reference out;
  if (Rf_isNull(given)) return out;
  const Rcpp::List parts(given);
  const Rcpp::NumericMatrix values = parts["values"];
  const int n_cells = values.nrow(), width = values.ncol();
  out.width = width;
  out.values.reserve(static_cast<size_t>(values.size()));
  for (int i = 0; i < n_cells; ++i) {
    for (int k = 0; k < width; ++k) {
      out.values.push_back(static_cast<float>(values(i, k)));
    }
  }
  for (double here : Rcpp::as<std::vector<double>>(parts["present"])) {
    out.present.push_back(static_cast<float>(here));
  }
  for (double weight : Rcpp::as<std::vector<double>>(parts["weight"])) {
    out.weight.push_back(static_cast<float>(weight));
  }
  return out;
}

}  // namespace sailer
