// Passes options between R and the core as named lists: a list from R overrides
// the defaults of the options that it names, by their names in describe()
// (core/support/options.h). NA stands for a number that is left open.
#pragma once

#include <Rcpp.h>

#include <algorithm>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "../core/models/expresser_options.h"
#include "../core/models/sailer_options.h"
#include "../core/training/expresser_schedule.h"
#include "../core/training/train_options.h"

namespace sailer {

// Sets a field of a struct of options from an R value. Throws Error(kArgument),
// which says what the value must be.
template <typename T>
void option_from_r(SEXP value, const char* name, T& field, const Range& range) {
  if constexpr (std::is_enum_v<T>) {
    require(Rf_isString(value) && XLENGTH(value) == 1 &&
                STRING_ELT(value, 0) != NA_STRING,
            "`", name, "` must be a single string.");
    field = parse(names_of(field), name, Rcpp::as<std::string>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    require(Rf_isLogical(value) && XLENGTH(value) == 1 &&
                LOGICAL(value)[0] != NA_LOGICAL,
            "`", name, "` must be TRUE or FALSE.");
    field = LOGICAL(value)[0] != 0;
  } else {
    constexpr bool kWhole = std::is_integral_v<T>;
    const bool single = Rf_isNumeric(value) && XLENGTH(value) == 1;
    double given = single ? Rcpp::as<double>(value) : NAN;
    const bool open = single && ISNAN(given) && range.may_be_auto();
    if (open) given = kAutoOption;
    require(std::isfinite(given), "`", name, "` must be ", range.words(kWhole),
            ", a single number.");
    require(!kWhole || given == std::floor(given), "`", name,
            "` must be a whole number.");
    require(open || range.holds(given), "`", name, "` must be ",
            range.words(kWhole), ".");
    field = static_cast<T>(given);
  }
}

inline std::vector<double> numbers_from_r(SEXP value) {
  if (!Rf_isNumeric(value)) return {};
  return Rcpp::as<std::vector<double>>(value);
}

inline void option_from_r(SEXP value, const char* name,
                          std::vector<int64_t>& field, const Range&) {
  const std::vector<double> numbers = numbers_from_r(value);
  const bool whole = std::all_of(numbers.begin(), numbers.end(), [](double x) {
    return std::isfinite(x) && x == std::floor(x);
  });
  require(whole && !numbers.empty(), "`", name,
          "` must be whole numbers, the units of each layer.");
  field.assign(numbers.begin(), numbers.end());
}

// A single number is the upper end.
inline void option_from_r(SEXP value, const char* name, Shares& field,
                          const Range&) {
  const std::vector<double> range = numbers_from_r(value);
  require((range.size() == 1 || range.size() == 2) && !ISNAN(range.front()) &&
              !ISNAN(range.back()),
          "`", name, "` must be one or two shares, such as c(0.5, 0.9).");
  field = {range.size() > 1 ? range.front() : 0, range.back()};
}

// Sets the options that `values` names and checks all of them. NULL leaves an
// option as it is; a name that is not an option is an error.
template <typename Options>
void set_options(const Rcpp::List& values, Options& options) {
  const Rcpp::RObject names = values.names();
  require(values.size() == 0 || !names.isNULL(), "Options must be named.");
  for (R_xlen_t k = 0; k < values.size(); ++k) {
    const std::string name(Rcpp::CharacterVector(names)[k]);
    const SEXP value = values[k];
    if (Rf_isNull(value)) continue;
    bool known = false;
    describe(options, [&](const char* option, auto& field, const Range& range,
                          const char*) {
      if (name != option) return;
      known = true;
      option_from_r(value, option, field, range);
    });
    require(known, "There is no option named `", name, "`.");
  }
  options.check();
}

template <typename T>
SEXP option_to_r(const T& value, const Range& range) {
  if constexpr (std::is_enum_v<T>) {
    return Rcpp::wrap(name_of(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return Rcpp::wrap(value);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    if (range.may_be_auto() && value == kAutoOption) {
      return Rcpp::wrap(NA_INTEGER);
    }
    if (value > std::numeric_limits<int>::max()) return Rf_ScalarReal(value);
    return Rf_ScalarInteger(static_cast<int>(value));
  } else {
    const auto number = static_cast<double>(value);
    const bool open = range.may_be_auto() && number == kAutoOption;
    return Rcpp::wrap(open ? NA_REAL : number);
  }
}
inline SEXP option_to_r(const std::vector<int64_t>& values, const Range&) {
  return Rcpp::IntegerVector(values.begin(), values.end());
}
inline SEXP option_to_r(const Shares& shares, const Range&) {
  return Rcpp::NumericVector::create(shares.min, shares.max);
}

// Returns the options that are documented.
template <typename Options>
Rcpp::List options_to_r(Options options) {
  Rcpp::List out;
  describe(options, [&](const char* option, const auto& field,
                        const Range& range, const char* help) {
    if (help == nullptr) return;
    const Rcpp::RObject value = option_to_r(field, range);
    out.push_back(value, option);
  });
  return out;
}

// Returns a word of a list that determines the defaults of the other options;
// `absent` if it is not given.
template <typename T>
T word_from_r(const Rcpp::List& values, const char* name, T absent) {
  if (values.containsElementNamed(name)) {
    const SEXP value = values[name];
    if (!Rf_isNull(value)) option_from_r(value, name, absent, kAny);
  }
  return absent;
}

// `guided`: options that are not named have the defaults of SAILERX.
inline SailerOptions sailer_options_from_r(const Rcpp::List& values,
                                           bool guided = false) {
  SailerOptions options =
      default_options(word_from_r(values, "architecture", Architecture::kDense),
                      guided, word_from_r(values, "preset", Preset::kStandard));
  set_options(values, options);
  return options;
}

inline ExpresserOptions expresser_options_from_r(const Rcpp::List& values) {
  ExpresserOptions options =
      default_expresser_options(word_from_r(values, "size", ModelSize::kSmall));
  set_options(values, options);
  return options;
}

// TrainOptions or PretrainOptions, whose defaults depend on no other option.
template <typename Options>
Options training_options_from_r(const Rcpp::List& values) {
  Options options;
  set_options(values, options);
  return options;
}

}  // namespace sailer
