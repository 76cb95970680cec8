// How well two partitions of the same cells agree: adjusted Rand index and
// normalised mutual information, from their sparse contingency table.
#pragma once

#include <cstdint>
#include <vector>

namespace sailer {

// The non-empty cells of the table and its margins. Classes are numbered from
// 0 in both partitions; numbers that no cell has are allowed.
struct Contingency {
  struct Entry {
    int first, second;
    std::int64_t count;
  };
  std::vector<Entry> entries;
  std::vector<std::int64_t> first_sizes, second_sizes;
  std::int64_t n = 0;
};

// O(n log n) in time and O(n) in memory, however many classes there are.
// Throws Error(kArgument) when the lengths differ or are 0, or a label is
// negative.
Contingency count_pairs(const std::vector<int>& first,
                        const std::vector<int>& second);

// Hubert and Arabie (1985): 1 for identical partitions, 0 expected by chance,
// negative below chance. Two partitions into one class each agree: 1.
double adjusted_rand_index(const Contingency& table);

// Mutual information over the arithmetic mean of both entropies, in [0, 1].
// Two partitions into one class each agree: 1.
double normalized_mutual_information(const Contingency& table);

}  // namespace sailer
