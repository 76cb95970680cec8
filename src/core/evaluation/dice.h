// The Dice similarity coefficient of two sets of open peaks (thesis, eq. 2.7).
#pragma once

#include <cstddef>

namespace sailer {

// A set of open peaks as ascending, distinct indices: one column of a
// compressed sparse matrix. Does not own the memory.
struct OpenPeaks {
  const int* index = nullptr;
  std::size_t size = 0;
};

// 2 TP / (2 TP + FP + FN), in [0, 1]; 1 when neither set has a peak.
inline double dice_score(const OpenPeaks& truth, const OpenPeaks& estimate) {
  if (truth.size + estimate.size == 0) return 1.0;
  std::size_t shared = 0, j = 0;
  for (std::size_t i = 0; i < truth.size; ++i) {
    while (j < estimate.size && estimate.index[j] < truth.index[i]) ++j;
    if (j < estimate.size && estimate.index[j] == truth.index[i]) ++shared;
  }
  return 2.0 * static_cast<double>(shared) /
         static_cast<double>(truth.size + estimate.size);
}

}  // namespace sailer
