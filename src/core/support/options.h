// Options, each defined in one place. A struct of options has a function
//
//   template <typename Visit>
//   void describe(SailerOptions& o, const Visit& option) {
//     option("n_latent", o.n_latent, at_least(1).or_auto(), R"(Dimensions
//     ...)");
//     ...
//   }
//
// which calls option(name, field, range, help) for each. Their checks, what R
// reads and writes (bindings/options.h) and R's help (tools/document reads it
// from these headers) all go through describe(). The default is the initial
// value of the field. To add an option, add its field, its line in describe(),
// and the argument in R.
//
// Enumerations that are options have one table of their words, names_of().
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "error.h"
#include "n_of.h"

namespace sailer {

// ---- words
template <typename T>
using Names = std::vector<std::pair<std::string, T>>;

// Returns the value of a word. Throws Error(kArgument), which lists the words,
// if `value` is none of them.
template <typename T>
T parse(const Names<T>& names, const std::string& option,
        const std::string& value) {
  std::string known;
  for (const auto& entry : names) {
    if (entry.first == value) return entry.second;
    known += (known.empty() ? "\"" : ", \"") + entry.first + "\"";
  }
  throw_error(ErrorKind::kArgument, "`", option, "` must be one of ", known,
              ", not \"", value, "\".");
}

template <typename T, typename = std::enable_if_t<std::is_enum_v<T>>>
std::string name_of(T value) {
  for (const auto& entry : names_of(value)) {
    if (entry.second == value) return entry.first;
  }
  return "";
}

// A number that is left open, to be chosen to suit the cells.
constexpr int64_t kAutoOption = -1;

// The values that a number may have, such as at_least(0).less_than(1).
class Range {
 public:
  Range() = default;
  Range(double least, bool above) : least_(least), above_(above) {}

  Range at_most(double most) const { return with_end(most, false); }
  Range less_than(double most) const { return with_end(most, true); }
  Range or_auto() const {  // or kAutoOption
    Range out = *this;
    out.may_be_auto_ = true;
    return out;
  }
  Range or_word(const char* word) const {  // which R replaces by a number
    Range out = *this;
    out.word_ = word;
    return out;
  }

  bool may_be_auto() const { return may_be_auto_; }

  // Does not accept kAutoOption, even if may_be_auto().
  bool holds(double value) const {
    return std::isfinite(value) &&
           (above_ ? value > least_ : value >= least_) &&
           (below_ ? value < most_ : value <= most_);
  }

  // "at least 0 and less than 1"
  std::string words(bool whole) const {
    std::string out = (above_ ? "above " : "at least ") + text(least_);
    if (!std::isinf(most_)) {
      out += (below_ ? " and less than " : " and at most ") + text(most_);
    } else if (!whole) {
      out = (above_ ? "a number " : "a number of ") + out;
    }
    return word_ == nullptr ? out : out + ", or \"" + word_ + "\"";
  }

 private:
  Range with_end(double most, bool below) const {
    Range out = *this;
    out.most_ = most;
    out.below_ = below;
    return out;
  }
  static std::string text(double value) {
    char out[32];
    std::snprintf(out, sizeof out, "%g", value);
    return out;
  }

  double least_ = -std::numeric_limits<double>::infinity();
  double most_ = std::numeric_limits<double>::infinity();
  bool above_ = false, below_ = false, may_be_auto_ = false;
  const char* word_ = nullptr;
};

inline Range at_least(double least) { return {least, false}; }
inline Range above(double least) { return {least, true}; }
inline const Range kAny;  // for words, and for TRUE or FALSE

// Two shares, the smaller first.
struct Shares {
  double min = 0, max = 0;
};

// ---- checks
template <typename T>
void check_option(const char* name, T value, const Range& range) {
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    if (range.may_be_auto() && value == static_cast<T>(kAutoOption)) return;
    require(range.holds(static_cast<double>(value)), "`", name, "` must be ",
            range.words(std::is_integral_v<T>), ".");
  }
}

inline void check_option(const char* name, const std::vector<int64_t>& values,
                         const Range& range) {
  require(!values.empty(), "`", name,
          "` must name the units of at least one layer.");
  for (int64_t value : values) {
    require(range.holds(static_cast<double>(value)), "`", name,
            "` must hold whole numbers of ", range.words(true), ".");
  }
}

inline void check_option(const char* name, const Shares& shares,
                         const Range& range) {
  check_option(name, shares.min, range);
  check_option(name, shares.max, range);
  require(shares.min <= shares.max, "`", name,
          "` must hold the smaller share first.");
}

// Throws Error(kArgument), which names the first option that is out of range.
template <typename Options>
void check_options(Options options) {
  describe(options, [](const char* name, const auto& value, const Range& range,
                       const char*) { check_option(name, value, range); });
}

}  // namespace sailer
