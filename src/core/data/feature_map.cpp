#include "feature_map.h"

#include <algorithm>
#include <utility>

#include "../support/error.h"

namespace sailer {

bool check_feature_map(const FeatureMap& map, int64_t n_from, int64_t n_to,
                       const std::string& description, Several several) {
  if (map.empty() && n_from == n_to) return false;
  require(n_of(map) == n_from, "The feature map of ", description, " has ",
          map.size(), " entries, but it has ", n_from, " features.");
  std::vector<bool> taken(n_to, false);
  bool shared = false;
  for (int32_t to : map) {
    const bool fits = to >= -1 && to < n_to;
    const bool again = fits && to >= 0 && taken[to];
    shared = shared || again;
    require(fits && !(again && several == Several::kRefused),
            "The feature map of ", description, " sends a feature to ",
            int64_t{to} + 1, ", which is taken or not among the ", n_to,
            " features.");
    if (to >= 0) taken[to] = true;
  }
  return shared;
}

void map_features(const FeatureMap& map, int64_t from_row, SparseRows& rows) {
  if (map.empty()) return;
  int32_t* features = rows.indices.data();
  float* values = rows.values.empty() ? nullptr : rows.values.data();
  int64_t begin = rows.offsets[from_row], kept = begin;
  for (int64_t row = from_row; row < rows.n_rows(); ++row) {
    const int64_t end = rows.offsets[row + 1];
    for (int64_t at = begin; at < end; ++at) {
      const int32_t to = map[features[at]];
      features[kept] = to;
      if (values != nullptr) values[kept] = values[at];
      kept += to >= 0;
    }
    begin = end;
    rows.offsets[row + 1] = kept;
  }
  rows.indices.resize(kept);
  if (values != nullptr) rows.values.resize(kept);
}

namespace {

// Sorts the entries of a cell by feature; entries of the same feature keep
// their order.
void sort_entries(int32_t* features, float* values, int64_t n) {
  // Mostly sorted already, because neighbours are mapped to neighbours.
  if (std::is_sorted(features, features + n)) return;
  if (values == nullptr) {
    std::sort(features, features + n);
    return;
  }
  std::vector<std::pair<int32_t, float>> entries;
  for (int64_t k = 0; k < n; ++k) entries.emplace_back(features[k], values[k]);
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [feature, value] : entries) {
    *features++ = feature;
    *values++ = value;
  }
}

}  // namespace

void merge_features(int64_t from_row, SparseRows& rows) {
  int32_t* features = rows.indices.data();
  float* values = rows.values.empty() ? nullptr : rows.values.data();
  int64_t begin = rows.offsets[from_row], kept = begin;
  for (int64_t row = from_row; row < rows.n_rows(); ++row) {
    const int64_t end = rows.offsets[row + 1], first = kept;
    sort_entries(features + begin, values == nullptr ? nullptr : values + begin,
                 end - begin);
    for (int64_t at = begin; at < end; ++at) {
      const bool again = kept > first && features[at] == features[kept - 1];
      if (again && values != nullptr) values[kept - 1] += values[at];
      if (again) continue;
      features[kept] = features[at];
      if (values != nullptr) values[kept] = values[at];
      ++kept;
    }
    begin = end;
    rows.offsets[row + 1] = kept;
  }
  rows.indices.resize(kept);
  if (values != nullptr) rows.values.resize(kept);
}

}  // namespace sailer
