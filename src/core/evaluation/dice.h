// The Dice similarity coefficient of two sets of open peaks (thesis, eq. 2.7).
#pragma once

#include <cstddef>

namespace sailer {

// A set of open peaks as ascending indices without repetition: one column of
// a compressed sparse matrix. Borrowed.
struct OpenPeaks {
  const int* index = nullptr;
  std::size_t size = 0;
};

// 2 TP / (2 TP + FP + FN), in [0, 1]; 1 when neither set has a peak.
double dice_score(const OpenPeaks& truth, const OpenPeaks& estimate);

}  // namespace sailer
