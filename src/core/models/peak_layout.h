// How the peaks that a model keeps are laid out: contiguous groups, one per
// chromosome, or a single group if all peaks are connected to all units.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../support/n_of.h"

namespace sailer {

class PeakLayout {
 public:
  PeakLayout() = default;
  explicit PeakLayout(const std::vector<int64_t>& group_sizes) {
    starts_.push_back(0);
    for (int64_t size : group_sizes) starts_.push_back(starts_.back() + size);
  }

  int64_t n_groups() const { return n_of(starts_) - 1; }
  int64_t n_peaks() const { return starts_.back(); }
  int64_t start(int64_t group) const { return starts_[group]; }
  int64_t end(int64_t group) const { return starts_[group + 1]; }

  std::vector<int64_t> sizes() const {
    std::vector<int64_t> sizes;
    for (int64_t g = 0; g < n_groups(); ++g) sizes.push_back(end(g) - start(g));
    return sizes;
  }

  // Returns the group of a peak.
  int64_t group_of(int64_t peak) const {
    return std::upper_bound(starts_.begin(), starts_.end(), peak) -
           starts_.begin() - 1;
  }

 private:
  std::vector<int64_t> starts_;
};

}  // namespace sailer
