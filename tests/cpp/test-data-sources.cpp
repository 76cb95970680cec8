// Compares every source with the same dense matrix.

#include <functional>
#include <memory>
#include <numeric>

#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/data/readers/opened_file.h"
#include "../../src/core/data/readers/sources.h"
#include "../../src/core/data/store/store.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

namespace data_sources_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 53;
constexpr int64_t kFeatures = 31;

// Owns the vectors that a MatrixView points to.
struct Slots {
  std::vector<int32_t> p, i;
  std::vector<double> x;
};

std::shared_ptr<Slots> slots_of(const Counts& counts) {
  const Compressed rows = compress(counts);
  auto slots = std::make_shared<Slots>();
  slots->p.assign(rows.indptr.begin(), rows.indptr.end());
  slots->i.assign(rows.indices.begin(), rows.indices.end());
  slots->x = rows.data;
  return slots;
}

MatrixView view_of(const Slots& slots, const Counts& counts) {
  MatrixView view;
  view.offsets = slots.p.data();
  view.indices = slots.i.data();
  view.values = slots.x.data();
  view.n_features = counts.n_features;
  view.n_cells = counts.n_cells;
  view.n_entries = static_cast<int64_t>(slots.i.size());
  return view;
}

CellSourcePtr matrix_source(const Counts& counts) {
  auto slots = slots_of(counts);
  const MatrixView view = view_of(*slots, counts);
  return matrix_source(view, std::move(slots));
}

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

TEST_CASE("a borrowed dgCMatrix reads as the matrix", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  const CellSourcePtr source = matrix_source(counts);
  check_source(*source, counts);
  REQUIRE(source->describe() == "a dgCMatrix");
}

TEST_CASE("a pattern matrix reads as ones", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  auto slots = slots_of(counts);
  MatrixView view = view_of(*slots, counts);
  view.values = nullptr;
  check_source(*matrix_source(view, slots, "an ngCMatrix"), binary(counts));
}

TEST_CASE("a source keeps the owner of its dgCMatrix alive, and no longer",
          "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  auto slots = slots_of(counts);
  const MatrixView view = view_of(*slots, counts);
  std::weak_ptr<Slots> watch = slots;
  auto source = matrix_source(view, std::move(slots));
  REQUIRE_FALSE(watch.expired());
  source.reset();
  REQUIRE(watch.expired());
}

TEST_CASE("a broken dgCMatrix is refused", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  auto slots = slots_of(counts);
  const MatrixView view = view_of(*slots, counts);
  SECTION("decreasing offsets") {
    slots->p[5] = slots->p[6] + 1;
    REQUIRE_THROWS_WITH(matrix_source(view, slots),
                        contains("falls at column"));
  }
  SECTION("offsets that do not start at 0") {
    slots->p[0] = 1;
    REQUIRE_THROWS_WITH(matrix_source(view, slots), contains("runs from 1"));
  }
  SECTION("offsets beyond the entries") {
    slots->p.back() += 1;
    REQUIRE_THROWS_AS(matrix_source(view, slots), Error);
  }
  SECTION("an index out of range, found when it is read") {
    const int32_t right = slots->i[4];
    slots->i[4] = static_cast<int32_t>(kFeatures);
    const CellSourcePtr source = matrix_source(view, slots);
    SparseRows rows;
    REQUIRE_THROWS_WITH(source->read(0, kCells, rows),
                        contains("entry 5 of its slot 'i' is 31"));
    REQUIRE(rows.n_rows() == 0);
    slots->i[4] = right;
    check_source(*source, counts);
  }
}

TEST_CASE("concatenated parts read as the whole", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  std::vector<ConcatPart> parts;
  parts.push_back({matrix_source(slice(counts, 0, 20)), {}});
  parts.push_back({matrix_source(slice(counts, 20, 0)), {}});
  parts.push_back({matrix_source(slice(counts, 20, 1)), {}});
  parts.push_back({matrix_source(slice(counts, 21, 32)), {}});
  check_source(*concat_sources(std::move(parts), kFeatures), counts);
}

TEST_CASE("parts with their own features are mapped to common ones", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  const int64_t n_common = kFeatures + 4;
  FeatureMap reversed;  // leaves out every third feature
  for (int32_t f = 0; f < kFeatures; ++f) {
    reversed.push_back(f % 3 == 0 ? -1
                                  : static_cast<int32_t>(n_common) - 1 - f);
  }
  FeatureMap shifted;
  for (int32_t f = 0; f < kFeatures; ++f) shifted.push_back(f + 2);
  std::vector<ConcatPart> parts;
  parts.push_back({matrix_source(slice(counts, 0, 30)), reversed});
  parts.push_back({matrix_source(slice(counts, 30, 23)), shifted});
  Counts expected{kCells, n_common, {}};
  expected.values.assign(static_cast<size_t>(kCells * n_common), 0.0f);
  for (int64_t cell = 0; cell < kCells; ++cell) {
    const FeatureMap& map = cell < 30 ? reversed : shifted;
    for (int64_t f = 0; f < kFeatures; ++f) {
      if (map[f] >= 0) expected.at(cell, map[f]) = counts.at(cell, f);
    }
  }
  check_source(*concat_sources(std::move(parts), n_common), expected);
}

TEST_CASE("feature maps that do not fit are refused", "[data]") {
  const CellSourcePtr base = matrix_source(random_counts(kCells, 3));
  auto build = [&](FeatureMap map, int64_t n) {
    return concat_sources({{base, std::move(map)}}, n);
  };
  REQUIRE_THROWS_WITH(build({0, 1}, 3), contains("has 2 entries"));
  REQUIRE_THROWS_AS(build({0, 1, 3}, 3), Error);
  REQUIRE_THROWS_AS(build({0, 1, 1}, 3), Error);
  REQUIRE_THROWS_AS(build({0, 1, -2}, 3), Error);
  REQUIRE_THROWS_AS(build({}, 4), Error);
  REQUIRE_NOTHROW(build({2, -1, 0}, 3));
}

TEST_CASE("cells and features of a source can be selected", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  Subset subset;
  subset.all_cells = false;
  for (int64_t k = 0; k < kCells; ++k) subset.cells.push_back(k * 10 % kCells);
  subset.map.assign(kFeatures, -1);
  subset.map[30] = 0;
  subset.map[4] = 1;
  subset.n_features = 2;
  Counts expected{kCells, 2, {}};
  for (int64_t cell : subset.cells) {
    expected.values.push_back(counts.at(cell, 30));
    expected.values.push_back(counts.at(cell, 4));
  }
  check_source(*choose(matrix_source(counts), subset), expected);
  subset.cells.push_back(kCells);
  REQUIRE_THROWS_AS(choose(matrix_source(counts), subset), Error);
}

namespace {

// Three neighbouring features go to one place, in decreasing order; every tenth
// feature is dropped.
Subset threes(bool all_cells) {
  Subset subset;
  subset.n_features = kFeatures / 3 + 2;
  for (int32_t f = 0; f < kFeatures; ++f) {
    const auto to = static_cast<int32_t>(subset.n_features) - 1 - f / 3;
    subset.map.push_back(f % 10 == 9 ? -1 : to);
  }
  subset.all_cells = all_cells;
  for (int64_t k = 0; k < kCells; ++k) subset.cells.push_back(k * 10 % kCells);
  return subset;
}

Counts summed(const Counts& counts, const Subset& subset) {
  Counts sums{kCells, subset.n_features, {}};
  sums.values.assign(static_cast<size_t>(kCells * subset.n_features), 0.0f);
  for (int64_t k = 0; k < kCells; ++k) {
    const int64_t cell = subset.all_cells ? k : subset.cells[k];
    for (int64_t f = 0; f < counts.n_features; ++f) {
      if (subset.map[f] >= 0) sums.at(k, subset.map[f]) += counts.at(cell, f);
    }
  }
  return sums;
}

// Checks that rows are in increasing order and hold each feature once.
void check_rising(CellSource& source) {
  SparseRows rows;
  source.read(0, source.n_cells(), rows);
  for (int64_t cell = 0; cell < source.n_cells(); ++cell) {
    for (int64_t at = rows.offsets[cell] + 1; at < rows.offsets[cell + 1]; ++at)
      REQUIRE(rows.indices[at - 1] < rows.indices[at]);
  }
}

void check_merged(const CellSourcePtr& base, const Counts& counts) {
  for (bool all_cells : {true, false}) {
    const Subset subset = threes(all_cells);
    const CellSourcePtr source = choose(base, subset);
    check_source(*source, summed(counts, subset));
    check_rising(*source);
  }
}

}  // namespace

TEST_CASE("features with the same place are merged, for every source",
          "[data][hdf5]") {
  const Counts counts = random_counts(kCells, kFeatures);
  check_merged(matrix_source(counts), counts);
  const std::vector<ConcatPart> parts = {
      {matrix_source(slice(counts, 0, 30)), {}},
      {matrix_source(slice(counts, 30, 23)), {}}};
  check_merged(concat_sources(parts, kFeatures), counts);
  const TenxParts written(counts);
  TemporaryFile tenx, h5ad;
  write_tenx3(tenx.path(), written);
  check_merged(open_tenx(tenx.path(), {}).source, counts);
  write_h5ad(h5ad.path(), written);
  check_merged(open_h5ad(h5ad.path(), {}).source, counts);
  // Packed cells read as ones, so sums are the numbers of open peaks.
  StoreWriter writer(kFeatures);
  REQUIRE_FALSE(writer.append(sparse_rows(counts)));
  check_merged(writer.finish(), binary(counts));
  Subset bad = threes(true);
  bad.map[0] = static_cast<int32_t>(bad.n_features);
  REQUIRE_THROWS_AS(choose(matrix_source(counts), bad), Error);
}

TEST_CASE("files of every layout read as the matrix", "[data][hdf5]") {
  const Counts counts = random_counts(kCells, kFeatures);
  const TenxParts parts(counts);
  TemporaryFile file;
  OpenedFile opened;
  SECTION("10x, version 3") {
    write_tenx3(file.path(), parts);
    REQUIRE(detect_layout(file.path()) == FileLayout::kTenx);
    opened = open_tenx(file.path(), {});
    REQUIRE(opened.intervals == parts.ids);
    REQUIRE(opened.source->describe().find("10x HDF5 file '") == 0);
  }
  SECTION("10x, version 2") {
    write_tenx2(file.path(), parts);
    REQUIRE(detect_layout(file.path()) == FileLayout::kTenx);
    opened = open_tenx(file.path(), {});
  }
  SECTION("h5ad") {
    write_h5ad(file.path(), parts);
    REQUIRE(detect_layout(file.path()) == FileLayout::kH5ad);
    opened = open_h5ad(file.path(), {});
  }
  SECTION("h5ad, a layer") {
    write_h5ad(file.path(), parts, "csr_matrix", "layers/counts");
    opened = open_h5ad(file.path(), {"counts"});
    REQUIRE_THROWS_WITH(open_h5ad(file.path(), {"spliced"}),
                        contains("no layer 'spliced'; it has 'counts'"));
  }
  SECTION("h5ad before AnnData 0.7") {
    write_old_h5ad(file.path(), parts);
    opened = open_h5ad(file.path(), {});
    REQUIRE(obs_columns(file.path()) == std::vector<std::string>{"depth"});
    const ObsColumn depth = read_obs(file.path(), "depth");
    REQUIRE(depth.numbers.size() == kCells);
    REQUIRE(depth.numbers[5] == 2.5);
  }
  REQUIRE(opened.source);
  check_source(*opened.source, counts);
  REQUIRE(opened.cells == parts.barcodes);
  REQUIRE(opened.features == parts.ids);
}

TEST_CASE("only features of one type are read from a multiome file",
          "[data][hdf5]") {
  const Counts counts = random_counts(kCells, kFeatures);
  TenxParts parts(counts);
  std::vector<std::string> peak_ids;
  Counts peaks{kCells, 0, {}};
  std::vector<int64_t> places;
  for (int64_t f = 0; f < kFeatures; ++f) {
    const bool peak = f % 3 == 1;
    parts.types.push_back(peak ? "Peaks" : "Gene Expression");
    if (!peak) continue;
    peak_ids.push_back(parts.ids[f]);
    places.push_back(f);
  }
  peaks.n_features = static_cast<int64_t>(places.size());
  for (int64_t cell = 0; cell < kCells; ++cell) {
    for (int64_t f : places) peaks.values.push_back(counts.at(cell, f));
  }
  TemporaryFile file;
  write_tenx3(file.path(), parts);

  const OpenedFile opened = open_tenx(file.path(), {});
  check_source(*opened.source, peaks);
  REQUIRE(opened.features == peak_ids);
  REQUIRE(opened.intervals == peak_ids);
  check_source(*open_tenx(file.path(), {"", ""}).source, counts);
  REQUIRE_THROWS_WITH(open_tenx(file.path(), {"", "Antibody"}),
                      contains("it has 'Gene Expression', 'Peaks'"));
}

TEST_CASE("every source removes float32 noise from whole counts",
          "[data][hdf5]") {
  const Counts counts = random_counts(kCells, kFeatures);
  Counts noisy = counts;
  int k = 0;
  for (float& value : noisy.values) value *= 1 + (++k % 3 - 1) * 1e-6f;
  REQUIRE(noisy.values != counts.values);
  check_source(*matrix_source(noisy), counts);
  TemporaryFile file;
  write_h5ad(file.path(), TenxParts(noisy));
  check_source(*open_h5ad(file.path(), {}).source, counts);
  StoreOptions options;
  options.values = Packed::kCounts;
  StoreWriter packed(kFeatures, options);
  REQUIRE_FALSE(packed.append(sparse_rows(noisy)));
  check_source(*packed.finish(), counts);
  StoreWriter open(kFeatures);
  REQUIRE_FALSE(open.append(sparse_rows(noisy)));
}

}  // namespace data_sources_test
