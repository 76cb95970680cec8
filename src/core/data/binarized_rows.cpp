#include "binarized_rows.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "../support/n_of.h"

namespace sailer {
namespace {

// Returns the smallest float that is at least `value`, because it is compared
// with floats.
float round_up(double value) {
  const auto near = static_cast<float>(value);
  if (near >= value) return near;
  return std::nextafter(near, std::numeric_limits<float>::infinity());
}

}  // namespace

bool BinarizedRows::add(const float* values, int64_t n_cells, int64_t n_peaks,
                        int64_t max_entries) {
  const int64_t wanted = std::min(rule_.n_open, n_peaks);
  for (int64_t i = 0; i < n_cells; ++i) {
    const float* row = values + i * n_peaks;
    float least = round_up(rule_.threshold);
    int64_t ties = n_peaks;
    if (wanted > 0) {
      sorted_.assign(row, row + n_peaks);
      const auto last = sorted_.begin() + (wanted - 1);
      std::nth_element(sorted_.begin(), last, sorted_.end(), std::greater<>());
      least = *last;
      ties = wanted - std::count_if(row, row + n_peaks,
                                    [=](float x) { return x > least; });
    }
    // Takes peaks above `least`, and the first `ties` that are equal to it.
    for (int64_t p = 0; p < n_peaks; ++p) {
      if (!(row[p] >= least) || (row[p] == least && ties-- <= 0)) continue;
      peaks_.push_back(static_cast<int32_t>(p));
      if (rule_.keep_values) values_.push_back(row[p]);
    }
    const auto total = n_of(peaks_);
    if (total > max_entries) return false;
    offsets_.push_back(total);
  }
  return true;
}

}  // namespace sailer
