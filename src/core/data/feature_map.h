// Maps the features of a source to those of another feature set.
#pragma once

#include <string>
#include <vector>

#include "readers/cell_source.h"

namespace sailer {

// map[feature] is the feature's index in the new set, or -1 to drop it. An
// empty map leaves every feature where it is.
using FeatureMap = std::vector<int32_t>;

// Whether several features may be mapped to the same index.
enum class Several { kRefused, kMerged };

// Throws unless `map` fits a source of `n_from` and a set of `n_to` features.
// Returns true if several features are mapped to one index: rows then also have
// to go through merge_features().
bool check_feature_map(const FeatureMap& map, int64_t n_from, int64_t n_to,
                       const std::string& description,
                       Several several = Several::kRefused);

// Maps `rows` from row `from_row` on, in place.
void map_features(const FeatureMap& map, int64_t from_row, SparseRows& rows);

// Merges repeated features and sorts them, from row `from_row` on, so that each
// row has each feature once, in ascending order. A merged feature is open if
// any of its parts is, and counts are summed.
void merge_features(int64_t from_row, SparseRows& rows);

}  // namespace sailer
