// Cells packed from dense blocks.

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "../../src/core/data/store/packed_source.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 53;
constexpr int64_t kFeatures = 31;

Counts binary(Counts counts) {
  for (float& value : counts.values) value = value > 0 ? 1.0f : 0.0f;
  return counts;
}

// The cells [first, first + count) of `counts`.
Counts slice(const Counts& counts, int64_t first, int64_t count) {
  std::vector<int64_t> cells(static_cast<size_t>(count));
  std::iota(cells.begin(), cells.end(), first);
  return chosen(counts, cells);
}

}  // namespace

TEST_CASE("packed cells read as ones, whatever the blocks", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  for (int64_t size : {1, 5, 52, 53}) {
    PackedSource source(kFeatures);
    for (int64_t first = 0; first < kCells; first += size) {
      const int64_t count = std::min(size, kCells - first);
      REQUIRE_FALSE(source.append(sparse_rows(slice(counts, first, count))));
    }
    check_source(source, binary(counts));
    REQUIRE(source.n_entries() ==
            static_cast<int64_t>(compress(counts).data.size()));
  }
}

TEST_CASE("packed counts read as they are, fractions too", "[data]") {
  Counts counts = random_counts(kCells, kFeatures);
  counts.at(5, 3) = 0.25f;
  for (int64_t size : {1, 5, 53}) {
    PackedSource source(kFeatures, "counts", Packing::kCounts);
    for (int64_t first = 0; first < kCells; first += size) {
      const int64_t count = std::min(size, kCells - first);
      REQUIRE_FALSE(source.append(sparse_rows(slice(counts, first, count))));
    }
    check_source(source, counts);
  }
  counts.at(5, 3) = -0.25f;
  PackedSource source(kFeatures, "counts", Packing::kCounts);
  REQUIRE(source.append(sparse_rows(counts)).kind ==
          CountProblem::Kind::kNegative);
}

TEST_CASE("packing drops zeros and refuses what is no count", "[data]") {
  PackedSource source(3);
  SparseRows rows;
  rows.offsets = {0, 2};
  rows.indices = {0, 2};
  rows.values = {0, 4};
  REQUIRE_FALSE(source.append(rows));
  REQUIRE(source.n_entries() == 1);
  SparseRows bad = rows;
  bad.values[1] = 0.5f;
  const CountProblem problem = source.append(bad);
  REQUIRE(problem.kind == CountProblem::Kind::kFractional);
  REQUIRE(problem.cell == 1);  // counted over all cells
  REQUIRE(problem.feature == 2);
  REQUIRE(problem.value == 0.5);
  REQUIRE(source.n_cells() == 1);
  bad = rows;
  bad.indices[1] = 3;
  REQUIRE_THROWS_WITH(source.append(bad), contains("holds feature 4"));
  bad = rows;
  bad.values.pop_back();
  REQUIRE_THROWS_AS(source.append(bad), Error);
  REQUIRE(source.n_cells() == 1);
  REQUIRE_FALSE(source.append(rows));
  REQUIRE(source.n_cells() == 2);
}

TEST_CASE("packed cells read the same from a file", "[data]") {
  const Counts whole = random_counts(kCells, kFeatures);
  Counts counts = whole;
  counts.at(5, 3) = 0.25f;
  const int64_t n_entries = static_cast<int64_t>(compress(counts).data.size());
  TemporaryFile place("");
  std::filesystem::create_directory(place.path());
  for (int64_t in_memory : {0, 400, 1 << 20}) {
    PackedMemory memory{place.path(), in_memory, 20};
    PackedSource source(kFeatures, "counts", Packing::kCounts, memory);
    PackedSource open(kFeatures, "cells", Packing::kOpen, memory);
    for (int64_t first = 0; first < kCells; first += 2) {
      const int64_t count = std::min<int64_t>(2, kCells - first);
      REQUIRE_FALSE(source.append(sparse_rows(slice(counts, first, count))));
      REQUIRE_FALSE(open.append(sparse_rows(slice(whole, first, count))));
    }
    check_source(source, counts);
    check_source(open, binary(whole));
    // What is limited is in memory, and the block that is being filled.
    const int64_t most = 20 + 2 * kFeatures;
    if (in_memory < 8 * n_entries) {
      REQUIRE(source.bytes_in_memory() <= in_memory + 8 * most);
    } else {
      REQUIRE(source.bytes_in_memory() == 8 * n_entries);
    }
    REQUIRE(std::filesystem::is_empty(place.path()));  // the file has no name
  }
}

TEST_CASE("packed cells stay in memory where no file can be", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  PackedSource source(kFeatures, "cells", Packing::kOpen,
                      {"/no such folder", 0, 20});
  for (int64_t first = 0; first < kCells; ++first) {
    REQUIRE_FALSE(source.append(sparse_rows(slice(counts, first, 1))));
  }
  check_source(source, binary(counts));
  REQUIRE(source.bytes_in_memory() == 4 * source.n_entries());
}
