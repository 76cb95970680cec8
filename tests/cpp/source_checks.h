// Checks of a source against a dense matrix: everything that a source must
// support.
#pragma once

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <random>
#include <vector>

#include "../../src/core/data/readers/cell_source.h"
#include "../../src/core/data/store/store.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"

namespace sailer_test {

using sailer::CellSource;
using sailer::Error;
using sailer::SparseRows;

// The rows as a dense matrix. Fails if an index occurs twice in a row.
inline Counts dense(const SparseRows& rows, int64_t n_features) {
  Counts counts{rows.n_rows(), n_features, {}};
  counts.values.assign(static_cast<size_t>(rows.n_rows() * n_features), 0.0f);
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
      REQUIRE(counts.at(row, rows.indices[at]) == 0.0f);
      counts.at(row, rows.indices[at]) = rows.values[at];
    }
  }
  return counts;
}

inline Counts chosen(const Counts& counts, const std::vector<int64_t>& cells) {
  Counts result{static_cast<int64_t>(cells.size()), counts.n_features, {}};
  for (int64_t cell : cells) {
    for (int64_t f = 0; f < counts.n_features; ++f) {
      result.values.push_back(counts.at(cell, f));
    }
  }
  return result;
}

inline void check_blocks(CellSource& source, const Counts& expected) {
  for (int64_t size : {1, 2, 7, 52, 53}) {
    SparseRows rows;
    for (int64_t first = 0; first < expected.n_cells; first += size) {
      const int64_t count = std::min(size, expected.n_cells - first);
      source.read(first, count, rows);  // appends
      REQUIRE(rows.n_rows() == first + count);
      REQUIRE(rows.offsets.back() == static_cast<int64_t>(rows.indices.size()));
      REQUIRE(rows.values.size() == rows.indices.size());
    }
    REQUIRE(dense(rows, expected.n_features).values == expected.values);
  }
}

inline void check_gather(CellSource& source, const Counts& expected) {
  const std::vector<std::vector<int64_t>> orders = {
      {}, {52}, {3}, {5, 6, 7}, {7, 6, 5}, {0, 52, 3, 3, 26, 25, 27, 0, 40}};
  for (const auto& cells : orders) {
    SparseRows rows;
    source.read(0, 2, rows);  // read_cells() appends after it
    source.read_cells(cells.data(), sailer::n_of(cells), rows);
    std::vector<int64_t> all{0, 1};
    all.insert(all.end(), cells.begin(), cells.end());
    REQUIRE(dense(rows, expected.n_features).values ==
            chosen(expected, all).values);
  }
  std::vector<int64_t> shuffled(static_cast<size_t>(expected.n_cells));
  std::iota(shuffled.begin(), shuffled.end(), int64_t{0});
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(5));
  SparseRows rows;
  source.read_cells(shuffled.data(), expected.n_cells, rows);
  REQUIRE(dense(rows, expected.n_features).values ==
          chosen(expected, shuffled).values);
}

// For each of `cells`, the list of its open features.
inline std::vector<std::vector<int32_t>> open_features(
    const Counts& counts, const std::vector<int64_t>& cells) {
  std::vector<std::vector<int32_t>> open;
  for (int64_t cell : cells) {
    open.emplace_back();
    for (int64_t f = 0; f < counts.n_features; ++f) {
      if (counts.at(cell, f) > 0)
        open.back().push_back(static_cast<int32_t>(f));
    }
  }
  return open;
}

inline std::vector<std::vector<int32_t>> lists_of(const SparseRows& rows) {
  std::vector<std::vector<int32_t>> open;
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    open.emplace_back(rows.indices.begin() + rows.offsets[row],
                      rows.indices.begin() + rows.offsets[row + 1]);
    // Parts with their own map may store features in another order.
    std::sort(open.back().begin(), open.back().end());
  }
  return open;
}

// What a reader cannot do: reads any cells, in any order, any number of times.
inline void check_any_order(CellSource& store, const Counts& expected) {
  const int64_t n = expected.n_cells;
  std::vector<int64_t> all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), int64_t{0});
  std::vector<int64_t> shuffled = all;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(6));
  const std::vector<std::vector<int64_t>> orders = {
      {}, {n - 1}, {2, 4, 9}, {1, 0, 1, 1, n - 1}, all, shuffled};
  for (const auto& cells : orders) {
    const auto n_cells = static_cast<int64_t>(cells.size());
    SparseRows rows;
    rows.indices = {7};  // existing rows stay
    rows.offsets = {0, 1};
    store.read_open(cells.data(), n_cells, rows);
    auto open = open_features(expected, cells);
    open.insert(open.begin(), {7});
    REQUIRE(lists_of(rows) == open);
    REQUIRE(rows.offsets.back() == static_cast<int64_t>(rows.indices.size()));
    SparseRows counts;
    store.read_cells(cells.data(), n_cells, counts);
    REQUIRE(dense(counts, expected.n_features).values ==
            chosen(expected, cells).values);
  }
  SparseRows none;
  for (const std::vector<int64_t>& cells :
       {std::vector<int64_t>{0, n}, std::vector<int64_t>{-1}}) {
    REQUIRE_THROWS_AS(
        store.read_open(cells.data(), static_cast<int64_t>(cells.size()), none),
        Error);
    REQUIRE(none.n_rows() == 0);
    REQUIRE(none.indices.empty());
  }
}

// Packs the source as training does: in memory, and entirely in a file.
inline void check_packed(CellSource& source, const Counts& expected) {
  const sailer::CellSourcePtr borrowed(&source, [](CellSource*) {});
  for (int64_t memory_bytes : {int64_t{1} << 20, int64_t{0}}) {
    sailer::StoreOptions options;
    options.values = sailer::Packed::kCounts;
    options.folder = std::filesystem::temp_directory_path().string();
    options.memory_bytes = memory_bytes;
    options.limits = {16, 1 << 20};
    const sailer::CellSourcePtr store = packed_cells(borrowed, options);
    REQUIRE(store->n_cells() == expected.n_cells);
    check_any_order(*store, expected);
  }
}

inline void check_sizes(CellSource& source, const Counts& expected) {
  int64_t sum = 0;
  for (int64_t cell = 0; cell < expected.n_cells; ++cell) {
    sum += source.n_entries(cell, 1);
  }
  REQUIRE(source.n_entries(0, expected.n_cells) == sum);
  REQUIRE(source.n_entries(7, 0) == 0);
}

inline void check_limits(CellSource& source) {
  SparseRows rows;
  source.read(source.n_cells(), 0, rows);
  REQUIRE(rows.n_rows() == 0);
  REQUIRE_THROWS_AS(source.read(-1, 1, rows), Error);
  REQUIRE_THROWS_AS(source.read(0, source.n_cells() + 1, rows), Error);
  REQUIRE_THROWS_AS(source.read(source.n_cells(), 1, rows), Error);
  const int64_t beyond[] = {0, source.n_cells()};
  REQUIRE_THROWS_AS(source.read_cells(beyond, 2, rows), Error);
  REQUIRE(rows.n_rows() == 0);
}

inline void check_source(CellSource& source, const Counts& expected) {
  REQUIRE(source.n_cells() == expected.n_cells);
  REQUIRE(source.n_features() == expected.n_features);
  check_blocks(source, expected);
  check_gather(source, expected);
  check_packed(source, expected);
  check_sizes(source, expected);
  check_limits(source);
  check_blocks(source, expected);  // still usable after refusals
}

}  // namespace sailer_test
