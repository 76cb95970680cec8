#include "mixing.h"

#include <algorithm>
#include <cmath>

namespace sailer {
namespace {

struct Expected {
  std::vector<double> sizes;   // cells of each batch
  std::vector<double> counts;  // neighbours of each batch in a fair draw
};

Expected expect(const Neighbors& neighbors, const std::vector<int>& batch,
                int n_batches) {
  Expected expected;
  expected.sizes.assign(static_cast<std::size_t>(n_batches), 0.0);
  for (int b : batch) expected.sizes[static_cast<std::size_t>(b)] += 1.0;
  for (double size : expected.sizes) {
    if (size == 0.0) {
      throw Error(ErrorKind::kArgument, "A batch has no cells.");
    }
    expected.counts.push_back(static_cast<double>(neighbors.k) * size /
                              static_cast<double>(neighbors.n_cells));
  }
  return expected;
}

void fill_cell(const std::vector<double>& counts, const Expected& expected,
               std::size_t cell, std::size_t n_cells, Mixing& mixing) {
  const std::size_t n_batches = counts.size();
  double total = 0.0;
  for (std::size_t b = 0; b < n_batches; ++b) {
    total += counts[b] / expected.sizes[b];
  }
  for (std::size_t b = 0; b < n_batches; ++b) {
    const double share = counts[b] / expected.sizes[b] / total;
    const double excess = counts[b] - expected.counts[b];
    mixing.proportions[b * n_cells + cell] = share;
    mixing.deviation[cell] +=
        0.5 * std::fabs(share - 1.0 / static_cast<double>(n_batches));
    mixing.chi_square[cell] += excess * excess / expected.counts[b];
  }
}

}  // namespace

Mixing batch_mixing(const Neighbors& neighbors, const std::vector<int>& batch,
                    int n_batches) {
  check_neighbors(neighbors, batch, n_batches);
  const Expected expected = expect(neighbors, batch, n_batches);
  const std::size_t n = neighbors.n_cells;
  Mixing mixing;
  mixing.proportions.assign(n * expected.sizes.size(), 0.0);
  mixing.deviation.assign(n, 0.0);
  mixing.chi_square.assign(n, 0.0);

  std::vector<double> counts(expected.sizes.size());
  for (std::size_t i = 0; i < n; ++i) {
    std::fill(counts.begin(), counts.end(), 0.0);
    for (std::size_t j = i * neighbors.k; j < (i + 1) * neighbors.k; ++j) {
      const auto neighbor = static_cast<std::size_t>(neighbors.index[j]);
      counts[static_cast<std::size_t>(batch[neighbor])] += 1.0;
    }
    fill_cell(counts, expected, i, n, mixing);
  }
  return mixing;
}

}  // namespace sailer
