// Counts as they were meant, and what they may be: finite, not negative, once
// per cell and feature, and whole unless fractions are allowed.
#pragma once

#include <cmath>
#include <vector>

#include "cell_source.h"

namespace sailer {

// A value this near to a whole number, as a share of it, is that number: a few
// roundings in float32 leave a millionth.
inline constexpr float kCountNoise = 2e-6f;

// 3 for 2.9999998. Any other value, NaN too, is returned as it is. Every source
// gives its counts through this, so that whoever reads them sees whole numbers.
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
    kDuplicate  // the feature stands twice in one cell
  };
  Kind kind = Kind::kNone;
  int64_t cell = -1;
  int64_t feature = -1;
  double value = 0;

  explicit operator bool() const { return kind != Kind::kNone; }
};

// "nan", "infinite", "negative", "fractional", "duplicate" or "none".
const char* problem_name(CountProblem::Kind kind);

// What is wrong with a count on its own. `fractions` are allowed of genes:
// where ambient RNA was taken from the counts they are not whole.
CountProblem::Kind judge_count(float value, bool fractions = false);

class CountChecker {
 public:
  explicit CountChecker(int64_t n_features, bool fractions = false)
      : fractions_(fractions), last_row_(n_features, -1) {}

  // The first problem in `rows`, whose first row is the cell `first_cell`.
  CountProblem check(const SparseRows& rows, int64_t first_cell);

 private:
  bool fractions_;
  std::vector<int64_t> last_row_;  // by feature: the row it was last seen in
  int64_t n_checked_ = 0;          // rows so far
};

}  // namespace sailer
