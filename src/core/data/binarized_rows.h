// Which peaks count as open, of cells that come as probabilities of all their
// peaks: collected as a sparse matrix of features x cells, cell after cell.
// Torch-free.
#pragma once

#include <cstdint>
#include <vector>

namespace sailer {

struct BinarizeRule {
  // Open are the peaks of at least this probability ...
  double threshold = 0;
  // ... or, above 0, as many peaks of each cell, the likeliest ones. Of peaks
  // that are as likely the first ones are taken.
  int64_t n_open = 0;
  // Whether their probabilities are kept as well.
  bool keep_values = false;
};

class BinarizedRows {
 public:
  explicit BinarizedRows(const BinarizeRule& rule) : rule_(rule) {}

  // Appends cells, each with `n_peaks` values. False when there would be more
  // than `max_entries` open peaks in all: then the rows are of no use.
  bool add(const float* values, int64_t n_cells, int64_t n_peaks,
           int64_t max_entries);

  // Where each cell's entries begin, [cells + 1]; the peaks, rising within a
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
