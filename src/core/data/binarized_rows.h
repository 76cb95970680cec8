// Decides which peaks of a cell count as open, given the probabilities of all
// its peaks, and collects them cell by cell as a sparse features x cells
// matrix. Torch-free.
#pragma once

#include <cstdint>
#include <vector>

namespace sailer {

struct BinarizeRule {
  // Peaks with at least this probability are open ...
  double threshold = 0;
  // ... or, if above 0, this many peaks of each cell, the most likely ones.
  // Among equally likely peaks the first ones are taken.
  int64_t n_open = 0;
  // Whether the probabilities of open peaks are kept as well.
  bool keep_values = false;
};

class BinarizedRows {
 public:
  explicit BinarizedRows(const BinarizeRule& rule) : rule_(rule) {}

  // Appends cells, each with `n_peaks` values. Returns false if there would be
  // more than `max_entries` open peaks in total; the rows are then unusable.
  bool add(const float* values, int64_t n_cells, int64_t n_peaks,
           int64_t max_entries);

  // Offsets of each cell's entries, [cells + 1]; the peaks, ascending within a
  // cell; their probabilities, if kept.
  const std::vector<int64_t>& offsets() const { return offsets_; }
  const std::vector<int32_t>& peaks() const { return peaks_; }
  const std::vector<float>& values() const { return values_; }

 private:
  BinarizeRule rule_;
  std::vector<int64_t> offsets_{0};
  std::vector<int32_t> peaks_;
  std::vector<float> values_;
  std::vector<float> sorted_;
};

}  // namespace sailer
