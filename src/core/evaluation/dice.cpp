#include "dice.h"

namespace sailer {

double dice_score(const OpenPeaks& truth, const OpenPeaks& estimate) {
  if (truth.size + estimate.size == 0) return 1.0;
  std::size_t shared = 0;
  std::size_t j = 0;
  for (std::size_t i = 0; i < truth.size; ++i) {
    while (j < estimate.size && estimate.index[j] < truth.index[i]) ++j;
    if (j < estimate.size && estimate.index[j] == truth.index[i]) ++shared;
  }
  return 2.0 * static_cast<double>(shared) /
         static_cast<double>(truth.size + estimate.size);
}

}  // namespace sailer
