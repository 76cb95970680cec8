// From the features of one source to those of another set.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../support/error.h"
#include "cell_source.h"

namespace sailer {

// map[feature] is its place in the new set, or -1 to drop it. An empty map
// leaves every feature in its place.
using FeatureMap = std::vector<int32_t>;

// Throws unless `map` fits a source of `n_from` and a set of `n_to` features.
// No two features may be sent to the same place.
inline void check_feature_map(const FeatureMap& map, int64_t n_from,
                              int64_t n_to, const std::string& description) {
  if (map.empty() && n_from == n_to) return;
  if (static_cast<int64_t>(map.size()) != n_from) {
    throw Error(ErrorKind::kArgument,
                "The feature map of " + description + " has " +
                    std::to_string(map.size()) + " entries, but it has " +
                    std::to_string(n_from) + " features.");
  }
  std::vector<char> taken(static_cast<size_t>(n_to), 0);
  for (int32_t to : map) {
    if (to < -1 || to >= n_to || (to >= 0 && taken[to]++)) {
      throw Error(ErrorKind::kArgument,
                  "The feature map of " + description + " sends a feature to " +
                      std::to_string(int64_t{to} + 1) +
                      ", which is taken or not among the " +
                      std::to_string(n_to) + " features.");
    }
  }
}

// Maps the rows of `rows` from row `from_row` on, in place.
inline void map_features(const FeatureMap& map, int64_t from_row,
                         OpenRows& rows) {
  if (map.empty()) return;
  int64_t begin = rows.offsets[from_row];
  int64_t kept = begin;
  int32_t* features = rows.features.data();
  for (int64_t row = from_row; row < rows.n_rows(); ++row) {
    const int64_t end = rows.offsets[row + 1];
    for (int64_t at = begin; at < end; ++at) {
      const int32_t to = map[features[at]];
      features[kept] = to;
      kept += to >= 0;
    }
    begin = end;
    rows.offsets[row + 1] = kept;
  }
  rows.features.resize(static_cast<size_t>(kept));
}

inline void map_features(const FeatureMap& map, int64_t from_row,
                         SparseRows& rows) {
  if (map.empty()) return;
  int64_t begin = rows.offsets[from_row];
  int64_t kept = begin;
  for (int64_t row = from_row; row < rows.n_rows(); ++row) {
    const int64_t end = rows.offsets[row + 1];
    for (int64_t at = begin; at < end; ++at) {
      const int32_t to = map[rows.indices[at]];
      if (to < 0) continue;
      rows.indices[kept] = to;
      rows.values[kept] = rows.values[at];
      ++kept;
    }
    begin = end;
    rows.offsets[row + 1] = kept;
  }
  rows.indices.resize(static_cast<size_t>(kept));
  rows.values.resize(static_cast<size_t>(kept));
}

}  // namespace sailer
