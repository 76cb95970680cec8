#include "count_check.h"

#include <cmath>

namespace sailer {

CountProblem::Kind judge_count(float value, bool fractions) {
  using Kind = CountProblem::Kind;
  if (std::isnan(value)) return Kind::kNotANumber;
  if (std::isinf(value)) return Kind::kInfinite;
  if (value < 0) return Kind::kNegative;
  if (!fractions && value != std::trunc(value)) return Kind::kFractional;
  return Kind::kNone;
}

namespace {

// Whether the row has whole counts, and each feature once and in order, as
// nearly all rows do. One loop without branches.
bool is_plain(const int32_t* features, const float* values, int64_t n) {
  constexpr float kMost = 1e9f;
  bool plain = true;
  int32_t last = -1;
  for (int64_t k = 0; k < n; ++k) {
    const bool in_range = values[k] >= 0 && values[k] <= kMost;
    const auto whole = static_cast<int32_t>(in_range ? values[k] : 0.5f);
    plain &= in_range & (static_cast<float>(whole) == values[k]) &
             (features[k] > last);
    last = features[k];
  }
  return plain;
}

}  // namespace

const char* problem_name(CountProblem::Kind kind) {
  constexpr const char* kNames[] = {"none",     "nan",        "infinite",
                                    "negative", "fractional", "duplicate"};
  return kNames[static_cast<int>(kind)];
}

CountProblem CountChecker::check(const SparseRows& rows, int64_t first_cell) {
  for (int64_t row = 0; row < rows.n_rows(); ++row, ++n_checked_) {
    const int64_t begin = rows.offsets[row];
    if (is_plain(rows.indices.data() + begin, rows.values.data() + begin,
                 rows.offsets[row + 1] - begin)) {
      continue;
    }
    for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
      const int32_t feature = rows.indices[at];
      CountProblem::Kind kind = judge_count(rows.values[at], fractions_);
      if (kind == CountProblem::Kind::kNone &&
          last_row_[feature] == n_checked_) {
        kind = CountProblem::Kind::kDuplicate;
      }
      if (kind != CountProblem::Kind::kNone) {
        ++n_checked_;
        return {kind, first_cell + row, feature, rows.values[at]};
      }
      last_row_[feature] = n_checked_;
    }
  }
  return {};
}

}  // namespace sailer
