// From the features of one source to those of another set.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../support/error.h"
#include "readers/cell_source.h"

namespace sailer {

// map[feature] is its place in the new set, or -1 to drop it. An empty map
// leaves every feature in its place.
using FeatureMap = std::vector<int32_t>;

// Whether several features may be sent to the same place.
enum class Several { kRefused, kMerged };

// Throws unless `map` fits a source of `n_from` and a set of `n_to` features.
// True when several features are sent to one place: rows then have to go
// through merge_features() too.
inline bool check_feature_map(const FeatureMap& map, int64_t n_from,
                              int64_t n_to, const std::string& description,
                              Several several = Several::kRefused) {
  if (map.empty() && n_from == n_to) return false;
  if (static_cast<int64_t>(map.size()) != n_from) {
    throw Error(ErrorKind::kArgument,
                "The feature map of " + description + " has " +
                    std::to_string(map.size()) + " entries, but it has " +
                    std::to_string(n_from) + " features.");
  }
  std::vector<bool> taken(static_cast<size_t>(n_to), false);
  bool shared = false;
  for (int32_t to : map) {
    const bool fits = to >= -1 && to < n_to;
    const bool again = fits && to >= 0 && taken[to];
    shared = shared || again;
    if (!fits || (again && several == Several::kRefused)) {
      throw Error(ErrorKind::kArgument,
                  "The feature map of " + description + " sends a feature to " +
                      std::to_string(int64_t{to} + 1) +
                      ", which is taken or not among the " +
                      std::to_string(n_to) + " features.");
    }
    if (to >= 0) taken[to] = true;
  }
  return shared;
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

// Rows in which a feature may stand several times, as map_features() leaves
// them, from row `from_row` on: each feature once, rising. A feature is open
// where one of those sent to it is, and counts are summed.
void merge_features(int64_t from_row, OpenRows& rows);
void merge_features(int64_t from_row, SparseRows& rows);

}  // namespace sailer
