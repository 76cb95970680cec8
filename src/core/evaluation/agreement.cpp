#include "agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "../support/error.h"

namespace sailer {
namespace {

// Floating point, since n^2 pairs squared overflow 64 bits at 60,000 cells.
long double pairs(std::int64_t n) {
  return 0.5L * static_cast<long double>(n) * static_cast<long double>(n - 1);
}

long double pairs_within(const std::vector<std::int64_t>& sizes) {
  long double sum = 0;
  for (std::int64_t size : sizes) sum += pairs(size);
  return sum;
}

double entropy(const std::vector<std::int64_t>& sizes, std::int64_t n) {
  double sum = 0;
  for (std::int64_t size : sizes) {
    if (size == 0) continue;
    const double p = static_cast<double>(size) / static_cast<double>(n);
    sum -= p * std::log(p);
  }
  return sum;
}

std::size_t occupied(const std::vector<std::int64_t>& sizes) {
  return sizes.size() -
         static_cast<std::size_t>(std::count(sizes.begin(), sizes.end(), 0));
}

std::vector<std::int64_t> class_sizes(const std::vector<int>& labels) {
  const auto range = std::minmax_element(labels.begin(), labels.end());
  if (*range.first < 0) {
    throw Error(ErrorKind::kArgument, "Class numbers must not be negative.");
  }
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(*range.second) + 1);
  for (int label : labels) ++sizes[static_cast<std::size_t>(label)];
  return sizes;
}

}  // namespace

Contingency count_pairs(const std::vector<int>& first,
                        const std::vector<int>& second) {
  if (first.size() != second.size() || first.empty()) {
    throw Error(ErrorKind::kArgument,
                "Two partitions of the same cells are needed: found " +
                    std::to_string(first.size()) + " and " +
                    std::to_string(second.size()) + " labels.");
  }
  Contingency table;
  table.n = static_cast<std::int64_t>(first.size());
  table.first_sizes = class_sizes(first);
  table.second_sizes = class_sizes(second);

  std::vector<std::pair<int, int>> cells(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    cells[i] = {first[i], second[i]};
  }
  std::sort(cells.begin(), cells.end());
  for (std::size_t i = 0; i < cells.size();) {
    std::size_t end = i;
    while (end < cells.size() && cells[end] == cells[i]) ++end;
    table.entries.push_back(
        {cells[i].first, cells[i].second, static_cast<std::int64_t>(end - i)});
    i = end;
  }
  return table;
}

double adjusted_rand_index(const Contingency& table) {
  long double together = 0;
  for (const auto& entry : table.entries) together += pairs(entry.count);
  const long double first = pairs_within(table.first_sizes);
  const long double second = pairs_within(table.second_sizes);
  // Every pair that one partition puts together, the other does too.
  if (first == together && second == together) return 1.0;
  const long double expected = first * second / pairs(table.n);
  const long double largest = 0.5L * (first + second);
  return static_cast<double>((together - expected) / (largest - expected));
}

double normalized_mutual_information(const Contingency& table) {
  if (occupied(table.first_sizes) == 1 && occupied(table.second_sizes) == 1) {
    return 1.0;
  }
  const auto n = static_cast<double>(table.n);
  double information = 0;
  for (const auto& entry : table.entries) {
    const auto count = static_cast<double>(entry.count);
    const auto a = static_cast<double>(
        table.first_sizes[static_cast<std::size_t>(entry.first)]);
    const auto b = static_cast<double>(
        table.second_sizes[static_cast<std::size_t>(entry.second)]);
    information += count / n * (std::log(count * n) - std::log(a * b));
  }
  if (information <= std::numeric_limits<double>::epsilon()) return 0.0;
  const double mean_entropy = 0.5 * (entropy(table.first_sizes, table.n) +
                                     entropy(table.second_sizes, table.n));
  return information / mean_entropy;
}

}  // namespace sailer
