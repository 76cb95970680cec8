// From the features of one source to those of another set.
#pragma once

#include <string>
#include <vector>

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
bool check_feature_map(const FeatureMap& map, int64_t n_from, int64_t n_to,
                       const std::string& description,
                       Several several = Several::kRefused);

// Maps the rows of `rows` from row `from_row` on, in place.
void map_features(const FeatureMap& map, int64_t from_row, SparseRows& rows);

// Rows in which a feature may stand several times, or in another order, from
// row `from_row` on: each feature once, rising. A feature is open where one of
// those sent to it is, and counts are summed.
void merge_features(int64_t from_row, SparseRows& rows);

}  // namespace sailer
