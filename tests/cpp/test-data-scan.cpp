#include <cmath>
#include <limits>
#include <memory>

#include "../../src/core/data/store/scan.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"

namespace data_scan_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// Serves the given rows and records the number of reads and the largest block.
class RowsSource final : public CellSource {
 public:
  RowsSource(SparseRows rows, int64_t n_features)
      : rows_(std::move(rows)), n_features_(n_features) {}
  int64_t n_cells() const override { return rows_.n_rows(); }
  int64_t n_features() const override { return n_features_; }
  void append(int64_t first, int64_t count, SparseRows& out) override {
    ++n_reads;
    for (int64_t row = first; row < first + count; ++row) {
      for (int64_t at = rows_.offsets[row]; at < rows_.offsets[row + 1]; ++at) {
        out.indices.push_back(rows_.indices[at]);
        out.values.push_back(rows_.values[at]);
      }
      out.offsets.push_back(static_cast<int64_t>(out.indices.size()));
    }
    most_entries =
        std::max(most_entries, static_cast<int64_t>(out.indices.size()));
  }
  int64_t n_entries(int64_t first, int64_t count) const override {
    return rows_.offsets[first + count] - rows_.offsets[first];
  }
  std::string describe() const override { return "rows of a test"; }

  int64_t n_reads = 0;
  int64_t most_entries = 0;

 private:
  SparseRows rows_;
  int64_t n_features_;
};

using RowsPtr = std::shared_ptr<RowsSource>;

RowsPtr source_of(const Counts& counts) {
  return std::make_shared<RowsSource>(sparse_rows(counts), counts.n_features);
}

ScanOptions options_of(GroupCounts& groups) {
  ScanOptions options;
  options.groups = &groups;
  return options;
}

}  // namespace

TEST_CASE("a scan counts open features by cell and by feature", "[data]") {
  const Counts counts = random_counts(700, 40);
  std::vector<int32_t> depth(700, 0);
  std::vector<int64_t> feature_cells(40, 0);
  std::vector<int64_t> empty;
  int64_t total = 0;
  for (int64_t cell = 0; cell < 700; ++cell) {
    for (int64_t f = 0; f < 40; ++f) {
      if (counts.at(cell, f) == 0) continue;
      ++depth[cell];
      ++feature_cells[f];
      ++total;
    }
    if (depth[cell] == 0) empty.push_back(cell);
  }
  const RowsPtr source = source_of(counts);
  const ScanResult result = scan(source);
  REQUIRE(result.depth == depth);
  REQUIRE(result.feature_cells == feature_cells);
  REQUIRE(result.n_nonzeros == total);
  REQUIRE_FALSE(result.problem);
  REQUIRE_FALSE(result.cancelled);
  REQUIRE(empty.size() > kMaxEmptyListed);
  REQUIRE(result.n_empty == static_cast<int64_t>(empty.size()));
  empty.resize(kMaxEmptyListed);
  REQUIRE(result.empty_cells == empty);
}

TEST_CASE("explicit zeros do not count as open", "[data]") {
  SparseRows rows;
  rows.offsets = {0, 2, 3};
  rows.indices = {0, 1, 1};
  rows.values = {0, 3, 0};
  const auto source = std::make_shared<RowsSource>(rows, 2);
  const ScanResult result = scan(source);
  REQUIRE(result.depth == std::vector<int32_t>{1, 0});
  REQUIRE(result.feature_cells == std::vector<int64_t>{0, 1});
  REQUIRE(result.n_nonzeros == 1);
  REQUIRE(result.empty_cells == std::vector<int64_t>{1});
}

TEST_CASE("a scan finds the first invalid count", "[data]") {
  using Kind = CountProblem::Kind;
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  struct Case {
    float value;
    Kind kind;
    std::string name;
  };
  const std::vector<Case> cases = {{kNan, Kind::kNotANumber, "nan"},
                                   {kInf, Kind::kInfinite, "infinite"},
                                   {-kInf, Kind::kInfinite, "infinite"},
                                   {-2, Kind::kNegative, "negative"},
                                   {-0.5f, Kind::kNegative, "negative"},
                                   {1.25f, Kind::kFractional, "fractional"}};
  for (const Case& one : cases) {
    Counts counts = random_counts(600, 20);
    counts.at(555, 13) = one.value;
    counts.at(599, 2) = -1;  // a later one
    const RowsPtr source = source_of(counts);
    const CountProblem problem = scan(source).problem;
    REQUIRE(problem.kind == one.kind);
    REQUIRE(problem.cell == 555);
    REQUIRE(problem.feature == 13);
    REQUIRE((std::isnan(one.value) ? std::isnan(problem.value)
                                   : problem.value == one.value));
    REQUIRE(problem_name(problem.kind) == one.name);
  }
}

TEST_CASE("a feature may not occur twice in the same cell", "[data]") {
  SparseRows rows;
  rows.offsets = {0, 1, 2, 5};
  rows.indices = {1, 1, 1, 0, 1};
  rows.values = {1, 1, 1, 1, 1};
  const auto source = std::make_shared<RowsSource>(rows, 2);
  const CountProblem problem = scan(source).problem;
  REQUIRE(problem.kind == CountProblem::Kind::kDuplicate);
  REQUIRE(problem.cell == 2);
  REQUIRE(problem.feature == 1);
}

TEST_CASE("a scan stops on request", "[data]") {
  // About 2.6 million entries: three blocks.
  SparseRows rows;
  for (int64_t cell = 0; cell < 26000; ++cell) {
    for (int32_t f = 0; f < 100; ++f) rows.indices.push_back(f);
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  rows.values.assign(rows.indices.size(), 1.0f);
  const auto source = std::make_shared<RowsSource>(std::move(rows), 100);
  int n_asked = 0;
  ScanOptions cancelled;
  cancelled.cancelled = [&] { return ++n_asked == 2; };
  const ScanResult result = scan(source, cancelled);
  REQUIRE(result.cancelled);
  REQUIRE(source->n_reads == 1);
  const std::vector<uint8_t> all(100, 1);
  n_asked = 0;
  REQUIRE(depth_within(*source, all, [&] { return ++n_asked == 2; }).empty());
  REQUIRE(n_asked == 2);
}

TEST_CASE("blocks of a scan stay bounded", "[data]") {
  // 40,000 cells of 500: 20 million entries.
  SparseRows rows;
  rows.offsets.clear();
  for (int64_t cell = 0; cell <= 40000; ++cell) {
    rows.offsets.push_back(cell * 500);
  }
  for (int64_t at = 0; at < 40000 * 500; ++at) {
    rows.indices.push_back(static_cast<int32_t>(at % 500));
  }
  rows.values.assign(rows.indices.size(), 1.0f);
  const auto source = std::make_shared<RowsSource>(std::move(rows), 500);
  const ScanResult result = scan(source);
  REQUIRE(result.n_nonzeros == 20000000);
  REQUIRE(result.depth == std::vector<int32_t>(40000, 500));
  REQUIRE(result.feature_cells == std::vector<int64_t>(500, 40000));
  REQUIRE_FALSE(result.problem);
  REQUIRE(source->most_entries <= int64_t{1} << 20);
  REQUIRE(source->n_reads < 24);
}

TEST_CASE("blocks of a scan stay bounded if deep cells follow shallow ones",
          "[data]") {
  SparseRows rows;
  for (int64_t cell = 0; cell < 11000; ++cell) {
    const int32_t n = cell < 10000 ? 1 : 5000;
    for (int32_t f = 0; f < n; ++f) rows.indices.push_back(f);
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  rows.values.assign(rows.indices.size(), 1.0f);
  const auto source = std::make_shared<RowsSource>(std::move(rows), 5000);
  REQUIRE(scan(source).n_nonzeros == 10000 + 1000 * 5000);
  REQUIRE(source->most_entries <= int64_t{1} << 20);
}

TEST_CASE("depth is counted within selected features", "[data]") {
  const Counts counts = random_counts(300, 25);
  std::vector<uint8_t> keep(25, 0);
  for (size_t f = 0; f < 25; f += 2) keep[f] = 1;
  std::vector<int32_t> expected(300, 0);
  for (int64_t cell = 0; cell < 300; ++cell) {
    for (int64_t f = 0; f < 25; f += 2) {
      expected[cell] += counts.at(cell, f) > 0;
    }
  }
  const RowsPtr source = source_of(counts);
  REQUIRE(depth_within(*source, keep) == expected);
  keep.pop_back();
  REQUIRE_THROWS_WITH(depth_within(*source, keep),
                      contains("'keep' has 24 entries"));
}

TEST_CASE("a scan of no cells is empty", "[data]") {
  const auto source = std::make_shared<RowsSource>(SparseRows{}, 4);
  const ScanResult result = scan(source);
  REQUIRE(result.depth.empty());
  REQUIRE(result.feature_cells == std::vector<int64_t>(4, 0));
  REQUIRE(result.n_empty == 0);
}

TEST_CASE("a scan counts by groups of cells", "[data]") {
  const Counts counts = random_counts(300, 30);
  GroupCounts groups;
  groups.n_groups = 3;
  for (int32_t cell = 0; cell < 300; ++cell) groups.group.push_back(cell % 3);
  // Rows for the odd features only.
  for (int32_t p = 0; p < 30; ++p) groups.row.push_back(p % 2 ? p / 2 : -1);
  groups.cells.assign(15 * 3, 0);
  std::vector<int32_t> expected(15 * 3, 0);
  for (int64_t cell = 0; cell < 300; ++cell) {
    for (int64_t p = 1; p < 30; p += 2) {
      expected[p / 2 * 3 + cell % 3] += counts.at(cell, p) > 0;
    }
  }
  const RowsPtr source = source_of(counts);
  const ScanResult result = scan(source, options_of(groups));
  REQUIRE(groups.cells == expected);
  REQUIRE(result.depth == scan(source).depth);

  groups.group.pop_back();
  REQUIRE_THROWS_AS(scan(source, options_of(groups)), Error);
}

TEST_CASE("the pass that checks the cells also packs them", "[data]") {
  const Counts counts = random_counts(700, 40);
  const RowsPtr source = source_of(counts);
  const StoreOptions packs;
  ScanOptions options;
  options.store = &packs;
  const ScanResult result = scan(source, options);
  REQUIRE(source->n_reads == 1);
  REQUIRE(result.depth == scan(source).depth);
  REQUIRE(result.store->describe() == source->describe());
  REQUIRE(result.store->n_entries(0, 700) == result.n_nonzeros);
  SparseRows rows, open;
  source->read(0, 700, rows);
  result.store->read(0, 700, open);
  REQUIRE(open.offsets.back() == result.n_nonzeros);
  for (float value : open.values) REQUIRE(value == 1);
  // A store is packed again only if counts are wanted that it lacks.
  const ScanResult again = scan(result.store, options);
  REQUIRE(again.store == result.store);
  REQUIRE(again.depth == result.depth);
  StoreOptions with_counts;
  with_counts.values = Packed::kCounts;
  options.store = &with_counts;
  REQUIRE(scan(result.store, options).store != result.store);
  const ScanResult counted = scan(source, options);
  SparseRows same;
  counted.store->read(0, 700, same);
  Counts expected = counts;
  for (int64_t cell = 0; cell < 700; ++cell) {
    for (int64_t at = same.offsets[cell]; at < same.offsets[cell + 1]; ++at) {
      REQUIRE(same.values[at] == expected.at(cell, same.indices[at]));
    }
  }
}

}  // namespace data_scan_test
