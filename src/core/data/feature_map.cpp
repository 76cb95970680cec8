#include "feature_map.h"

#include <algorithm>
#include <numeric>

namespace sailer {

void merge_features(int64_t from_row, OpenRows& rows) {
  int64_t begin = rows.offsets[from_row];
  int32_t* features = rows.features.data();
  int32_t* kept = features + begin;
  for (int64_t row = from_row; row < rows.n_rows(); ++row) {
    const int64_t end = rows.offsets[row + 1];
    // In order already, for the most part: neighbours are sent to neighbours.
    if (!std::is_sorted(features + begin, features + end)) {
      std::sort(features + begin, features + end);
    }
    kept = std::unique_copy(features + begin, features + end, kept);
    begin = end;
    rows.offsets[row + 1] = kept - features;
  }
  rows.features.resize(static_cast<size_t>(kept - features));
}

void merge_features(int64_t from_row, SparseRows& rows) {
  const int64_t start = rows.offsets[from_row];
  const std::vector<int32_t> indices(rows.indices.begin() + start,
                                     rows.indices.end());
  const std::vector<float> values(rows.values.begin() + start,
                                  rows.values.end());
  std::vector<int64_t> order(indices.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  int64_t kept = start, begin = 0;
  for (int64_t row = from_row; row < rows.n_rows(); ++row) {
    const int64_t end = rows.offsets[row + 1] - start;
    std::stable_sort(
        order.begin() + begin, order.begin() + end,
        [&](int64_t a, int64_t b) { return indices[a] < indices[b]; });
    for (int64_t k = begin; k < end; ++k) {
      const int64_t at = order[k];
      if (k > begin && indices[at] == rows.indices[kept - 1]) {
        rows.values[kept - 1] += values[at];
        continue;
      }
      rows.indices[kept] = indices[at];
      rows.values[kept++] = values[at];
    }
    begin = end;
    rows.offsets[row + 1] = kept;
  }
  rows.indices.resize(static_cast<size_t>(kept));
  rows.values.resize(static_cast<size_t>(kept));
}

}  // namespace sailer
