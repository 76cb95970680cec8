// How much the encoder's input weighs each peak. Torch-free.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sailer_options.h"

namespace sailer {

// log(1 + 1 / f), the inverse document frequency, for peaks that are open in a
// share f of the cells; 1 for all under other scales, and where the frequencies
// come later, with the state of a trained model.
inline std::vector<float> peak_weights(InputScale scale,
                                       const std::vector<double>& frequencies,
                                       int64_t n_peaks) {
  std::vector<float> out(n_peaks, 1);
  if (scale != InputScale::kTfIdf || frequencies.empty()) return out;
  for (size_t p = 0; p < out.size(); ++p) {
    out[p] = static_cast<float>(std::log1p(1 / std::max(1e-9, frequencies[p])));
  }
  return out;
}

}  // namespace sailer
