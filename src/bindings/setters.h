// How options structs take values from a named list of R, by the names that R
// uses for them.
#pragma once

#include <Rcpp.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../core/support/error.h"

namespace sailer {

using Setter = std::function<void(SEXP)>;
using Setters = std::vector<std::pair<std::string, Setter>>;

// NA leaves the choice to the core, whose options say so by -1.
template <typename Number>
Setter number_or_auto(Number& field) {
  constexpr int kAuto = -1;
  return [&field](SEXP value) {
    const double given = Rcpp::as<double>(value);
    field = static_cast<Number>(ISNAN(given) ? kAuto : given);
  };
}

template <typename Number>
Setter number(Number& field) {
  return [&field](SEXP value) {
    field = static_cast<Number>(Rcpp::as<double>(value));
  };
}

inline void apply_options(const Rcpp::List& values, const Setters& setters) {
  if (values.size() == 0) return;
  const Rcpp::CharacterVector names = values.names();
  for (R_xlen_t k = 0; k < values.size(); ++k) {
    const std::string name(names[k]);
    const SEXP value = values[k];
    if (Rf_isNull(value)) continue;
    bool known = false;
    for (const auto& [option, set] : setters) {
      if (option != name) continue;
      set(value);
      known = true;
    }
    if (!known) {
      throw Error(ErrorKind::kArgument,
                  "There is no option named `" + name + "`.");
    }
  }
}

}  // namespace sailer
