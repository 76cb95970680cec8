// Stores, compared with the matrices that were packed into them, in memory and
// in files.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <random>

#include "../../src/core/data/readers/sources.h"
#include "../../src/core/data/store/store.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

namespace data_store_test {

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

StoreOptions options_of(Packed values) {
  StoreOptions options;
  options.values = values;
  return options;
}

StorePtr store_of(const Counts& counts, const StoreOptions& options,
                  int64_t at_once = kCells) {
  StoreWriter writer(counts.n_features, options);
  for (int64_t first = 0; first < counts.n_cells; first += at_once) {
    const int64_t count = std::min(at_once, counts.n_cells - first);
    REQUIRE_FALSE(writer.append(sparse_rows(slice(counts, first, count))));
  }
  return writer.finish();
}

// The unnamed file that this process has open in `folder`, or -1.
int unnamed_file_in(const std::string& folder) {
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target =
        std::filesystem::read_symlink(entry.path(), gone).string();
    if (!gone && target.find(folder + "/sailer-") == 0) {
      return std::stoi(entry.path().filename());
    }
  }
  return -1;
}

}  // namespace

TEST_CASE("increasing numbers take only the bits that they need", "[data]") {
  std::mt19937 random(1);
  // Steps of 1: width 0, one byte for every 32 numbers.
  std::vector<int32_t> all(100);
  std::iota(all.begin(), all.end(), 0);
  std::vector<unsigned char> bytes;
  packed::pack_rising(all.data(), 100, bytes);
  REQUIRE(bytes == std::vector<unsigned char>(4, 0));
  // By hand: steps 5, 0 and 2 with 3 bits each: 101, 000, 010.
  const std::vector<int32_t> three = {5, 6, 9};
  bytes.clear();
  packed::pack_rising(three.data(), 3, bytes);
  REQUIRE(bytes == std::vector<unsigned char>{3, 0x85, 0x00});
  for (const int64_t most : {1, 2, 40, 700, 1 << 20, INT32_MAX}) {
    for (const size_t n : {0u, 1u, 31u, 32u, 33u, 500u}) {
      std::vector<int32_t> numbers;
      for (size_t k = 0; k < 3 * n; ++k) {
        numbers.push_back(static_cast<int32_t>(random() % most));
      }
      numbers.push_back(static_cast<int32_t>(most - 1));
      std::sort(numbers.begin(), numbers.end());
      numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
      const auto count = static_cast<int64_t>(numbers.size());
      bytes.clear();
      packed::pack_rising(numbers.data(), count, bytes);
      const auto n_bytes = static_cast<int64_t>(bytes.size());
      bytes.resize(bytes.size() + packed::kSlackBytes, 0xff);
      std::vector<int32_t> found(numbers.size());
      const auto unpacks = [&](int64_t size, int64_t limit) {
        return packed::unpack_rising(bytes.data(), size, count, limit,
                                     found.data());
      };
      REQUIRE(unpacks(n_bytes, most));
      REQUIRE(found == numbers);
      REQUIRE_FALSE(unpacks(n_bytes, most - 1));  // beyond the last feature
      REQUIRE_FALSE(unpacks(n_bytes - 1, most));
      REQUIRE_FALSE(unpacks(n_bytes + 1, most));
      bytes[0] = 77;  // not a valid width
      REQUIRE_FALSE(unpacks(n_bytes, most));
    }
  }
}

TEST_CASE("an open peak takes about a byte", "[data]") {
  // 4,000 of 200,000 peaks, as is usual for cells of scATAC-seq.
  std::mt19937 random(3);
  SparseRows rows;
  for (int cell = 0; cell < 20; ++cell) {
    for (int32_t peak = 0; peak < 200000; ++peak) {
      if (random() % 50 == 0) rows.indices.push_back(peak);
    }
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  rows.values.assign(rows.indices.size(), 2);
  StoreWriter writer(200000);
  const auto n = static_cast<double>(rows.indices.size());
  writer.append(rows);
  REQUIRE(static_cast<double>(writer.finish()->bytes_in_memory()) < 1.15 * n);
}

TEST_CASE("packed cells read as ones, for any blocks", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  for (int64_t size : {1, 5, 52, 53}) {
    const StorePtr store = store_of(counts, {}, size);
    check_source(*store, binary(counts));
    REQUIRE(store->n_entries(0, kCells) ==
            static_cast<int64_t>(compress(counts).data.size()));
  }
}

TEST_CASE("packed counts are read back unchanged, including fractions",
          "[data]") {
  Counts counts = random_counts(kCells, kFeatures);
  counts.at(5, 3) = 0.25f;
  for (int64_t size : {1, 5, 53}) {
    check_source(*store_of(counts, options_of(Packed::kCounts), size), counts);
  }
  counts.at(5, 3) = -0.25f;
  StoreWriter writer(kFeatures, options_of(Packed::kCounts));
  REQUIRE(writer.append(sparse_rows(counts)).kind ==
          CountProblem::Kind::kNegative);
}

TEST_CASE("packing drops zeros and refuses invalid counts", "[data]") {
  StoreWriter writer(3);
  SparseRows rows;
  rows.offsets = {0, 2};
  rows.indices = {0, 2};
  rows.values = {0, 4};
  REQUIRE_FALSE(writer.append(rows));
  SparseRows bad = rows;
  bad.values[1] = 0.5f;
  const CountProblem problem = writer.append(bad);
  REQUIRE(problem.kind == CountProblem::Kind::kFractional);
  REQUIRE(problem.cell == 1);  // index among all cells
  REQUIRE(problem.feature == 2);
  REQUIRE(problem.value == 0.5);
  REQUIRE(writer.n_cells() == 1);
  bad = rows;
  bad.indices[1] = 3;
  REQUIRE_THROWS_WITH(writer.append(bad), contains("holds feature 4"));
  bad = rows;
  bad.values.pop_back();
  REQUIRE_THROWS_AS(writer.append(bad), Error);
  // Decreasing offsets of a dgCMatrix, although the last one is right.
  bad = rows;
  bad.offsets = {0, 2000000, 2};
  REQUIRE_THROWS_AS(writer.append(bad), Error);
  bad.offsets = {-1, 2};
  REQUIRE_THROWS_AS(writer.append(bad), Error);
  REQUIRE(writer.n_cells() == 1);
  REQUIRE_FALSE(writer.append(rows));
  const StorePtr store = writer.finish();
  REQUIRE(store->n_cells() == 2);
  REQUIRE(store->n_entries(0, 2) == 2);
}

TEST_CASE("packed cells read the same from an unnamed file", "[data]") {
  const Counts whole = random_counts(kCells, kFeatures);
  Counts counts = whole;
  counts.at(5, 3) = 0.25f;
  const Folder folder;
  for (int64_t in_memory : {0, 1500, 1 << 20}) {
    for (Packed values : {Packed::kCounts, Packed::kOpen}) {
      StoreOptions options = options_of(values);
      options.folder = folder.path();
      options.memory_bytes = in_memory;
      options.limits = {5, 1 << 20};
      const bool kept = values == Packed::kCounts;
      const StorePtr store = store_of(kept ? counts : whole, options, 2);
      REQUIRE(std::filesystem::is_empty(folder.path()));
      REQUIRE((unnamed_file_in(folder.path()) >= 0) == (in_memory < 1500));
      check_source(*store, kept ? counts : binary(whole));
      REQUIRE(store->bytes_in_memory() <= in_memory);
      REQUIRE((store->bytes_in_memory() > 0) == (in_memory > 0));
    }
    REQUIRE(unnamed_file_in(folder.path()) == -1);  // gone with the store
  }
}

TEST_CASE("packed cells stay in memory if no file can be created", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  StoreOptions options;
  options.folder = "/no such folder";
  options.memory_bytes = 0;
  options.limits = {5, 1 << 20};
  const StorePtr store = store_of(counts, options);
  check_source(*store, binary(counts));
  REQUIRE(store->bytes_in_memory() > 0);
}

namespace {

// The selected cells and features, with features of the same place summed.
Counts summed(const Counts& counts, const Subset& subset) {
  Counts out{sailer::n_of(subset.cells), subset.n_features, {}};
  out.values.assign(static_cast<size_t>(out.n_cells * out.n_features), 0.0f);
  for (int64_t k = 0; k < out.n_cells; ++k) {
    for (int64_t f = 0; f < counts.n_features; ++f) {
      if (subset.map[f] < 0) continue;
      out.at(k, subset.map[f]) += counts.at(subset.cells[k], f);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a selection of a store is a store", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  const StorePtr store = store_of(counts, options_of(Packed::kCounts));
  Subset subset;
  subset.all_cells = false;
  subset.cells = {40, 3, 3, 52, 0, 17, 18, 19, 20, 21, 30, 31, 32, 33};
  for (int64_t cell = 0; cell < kCells; ++cell) subset.cells.push_back(cell);
  subset.n_features = 10;
  for (int32_t f = 0; f < kFeatures; ++f) subset.map.push_back(9 - f % 11);
  const CellSourcePtr chosen_ones = choose(store, subset);
  const Counts expected = summed(counts, subset);
  check_source(*chosen_ones, expected);
  REQUIRE(sailer::store_of(chosen_ones, {}) == chosen_ones);
  // And a selection of the selection.
  Subset again;
  again.all_cells = false;
  for (int64_t cell = 66; cell >= 0; --cell) again.cells.push_back(cell);
  again.n_features = 4;
  for (int32_t f = 0; f < 10; ++f) again.map.push_back(f % 5 - 1);
  check_source(*choose(chosen_ones, again), summed(expected, again));
}

TEST_CASE("a store reports that its file was truncated or changed", "[data]") {
  const Folder folder;
  StoreOptions options;
  options.folder = folder.path();
  options.memory_bytes = 0;
  options.limits = {5, 1 << 20};
  const auto make = [&] {
    return store_of(random_counts(kCells, kFeatures), options);
  };
  const auto read_all = [](Store& store) {
    SparseRows rows;
    for (int64_t cell = kCells; cell-- > 0;) store.read_open(&cell, 1, rows);
  };
  {
    const StorePtr store = make();
    const int id = unnamed_file_in(folder.path());
    REQUIRE(id >= 0);
    unsigned char byte = 0;
    REQUIRE(pread(id, &byte, 1, 100) == 1);
    byte ^= 4;
    REQUIRE(pwrite(id, &byte, 1, 100) == 1);
    REQUIRE_THROWS_WITH(read_all(*store),
                        contains("its bytes have changed since"));
  }
  const StorePtr store = make();
  read_all(*store);
  REQUIRE(ftruncate(unnamed_file_in(folder.path()), 100) == 0);
  REQUIRE_THROWS_WITH(read_all(*store), contains("became shorter"));
}

}  // namespace data_store_test
