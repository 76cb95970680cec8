// Removes rounding noise from counts and checks them: they must be finite, not
// negative, unique per cell and feature, and whole unless fractions are
// allowed.
#pragma once

#include <cmath>
#include <vector>

#include "cell_source.h"

namespace sailer {

// A value whose relative distance from a whole number is at most this is taken
// as that number: a few float32 roundings leave an error of a millionth.
inline constexpr float kCountNoise = 2e-6f;

// Returns 3 for 2.9999998. Returns other values, including NaN, unchanged.
// Every source passes its counts through this, so that all readers see whole
// numbers.
inline float whole_count(float value) {
  constexpr float kNoFractions = 8388608.0f;  // floats from 2^23 on are whole
  if (!(value > 0.5f && value < kNoFractions)) return value;
  const float nearest = (value + kNoFractions) - kNoFractions;
  return std::fabs(value - nearest) <= kCountNoise * nearest ? nearest : value;
}

struct CountProblem {
  enum class Kind {
    kNone,
    kNotANumber,
    kInfinite,
    kNegative,
    kFractional,
    kDuplicate  // the feature occurs twice in one cell
  };
  Kind kind = Kind::kNone;
  int64_t cell = -1;
  int64_t feature = -1;
  double value = 0;

  explicit operator bool() const { return kind != Kind::kNone; }
};

// Returns "nan", "infinite", "negative", "fractional", "duplicate" or "none".
const char* problem_name(CountProblem::Kind kind);

// Returns what is wrong with a single count. `fractions` are allowed for genes,
// whose counts are not whole after ambient RNA was subtracted.
CountProblem::Kind judge_count(float value, bool fractions = false);

class CountChecker {
 public:
  explicit CountChecker(int64_t n_features, bool fractions = false)
      : fractions_(fractions), last_row_(n_features, -1) {}

  // Returns the first problem in `rows`, whose first row is cell `first_cell`.
  CountProblem check(const SparseRows& rows, int64_t first_cell);

 private:
  bool fractions_;
  std::vector<int64_t> last_row_;  // per feature: the row it was last seen in
  int64_t n_checked_ = 0;          // rows so far
};

}  // namespace sailer
