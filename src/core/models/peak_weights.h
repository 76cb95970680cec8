// The weights of peaks in the encoder's input. Torch-free.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sailer_options.h"

namespace sailer {

// Returns log(1 + 1 / f), the inverse document frequency, for peaks that are
// open in a share f of the cells. Returns 1 for all peaks with other scales, or
// if `frequencies` is empty: a trained model's state then has the weights.
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
