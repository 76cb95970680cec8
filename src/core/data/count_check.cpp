#include "count_check.h"

#include <cmath>

namespace sailer {

namespace {

CountProblem::Kind judge(float value) {
  using Kind = CountProblem::Kind;
  if (std::isnan(value)) return Kind::kNotANumber;
  if (std::isinf(value)) return Kind::kInfinite;
  if (value < 0) return Kind::kNegative;
  if (value != std::trunc(value)) return Kind::kFractional;
  return Kind::kNone;
}

}  // namespace

const char* problem_name(CountProblem::Kind kind) {
  switch (kind) {
    case CountProblem::Kind::kNone:
      return "none";
    case CountProblem::Kind::kNotANumber:
      return "nan";
    case CountProblem::Kind::kInfinite:
      return "infinite";
    case CountProblem::Kind::kNegative:
      return "negative";
    case CountProblem::Kind::kFractional:
      return "fractional";
    case CountProblem::Kind::kDuplicate:
      return "duplicate";
  }
  return "none";
}

CountProblem CountChecker::check(const SparseRows& rows, int64_t first_cell) {
  for (int64_t row = 0; row < rows.n_rows(); ++row, ++n_checked_) {
    for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
      const int32_t feature = rows.indices[at];
      CountProblem::Kind kind = judge(rows.values[at]);
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
