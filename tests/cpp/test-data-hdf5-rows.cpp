// Packing the cells of HDF5 files into a store.
#include <numeric>

#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/data/readers/opened_file.h"
#include "../../src/core/data/readers/sources.h"
#include "../../src/core/data/store/scan.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

namespace data_hdf5_rows_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("stored zeros do not count as open", "[data][hdf5]") {
  Counts counts = random_counts(60, 30);
  TenxParts parts(counts);
  // Every fifth stored count becomes a zero.
  std::vector<std::vector<int32_t>> expected(60);
  for (int64_t cell = 0; cell < 60; ++cell) {
    for (int64_t at = parts.rows.indptr[cell]; at < parts.rows.indptr[cell + 1];
         ++at) {
      if (at % 5 == 0) {
        parts.rows.data[at] = 0;
      } else {
        expected[cell].push_back(static_cast<int32_t>(parts.rows.indices[at]));
      }
    }
  }
  TemporaryFile file;
  write_tenx3(file.path(), parts);
  const CellSourcePtr source = open_tenx(file.path(), {}).source;
  std::vector<int64_t> all(60);
  std::iota(all.begin(), all.end(), int64_t{0});
  const CellSourcePtr store = packed_cells(source, {});
  SparseRows rows;
  store->read_open(all.data(), 60, rows);
  REQUIRE(lists_of(rows) == expected);
  REQUIRE(scan(source).n_nonzeros == rows.offsets.back());
}

TEST_CASE("selected cells in any order are packed in the file's order",
          "[data][hdf5]") {
  const Counts counts = random_counts(500, 60, 3);
  const bool tenx = GENERATE(true, false);
  TemporaryFile file(tenx ? ".h5" : ".h5ad");
  if (tenx) {
    write_tenx3(file.path(), TenxParts(counts));
  } else {
    write_h5ad(file.path(), TenxParts(counts));
  }
  const CellSourcePtr source = tenx ? open_tenx(file.path(), {}).source
                                    : open_h5ad(file.path(), {}).source;
  std::vector<int64_t> order(400);
  std::iota(order.begin(), order.end(), int64_t{50});
  std::shuffle(order.begin(), order.end(), std::mt19937(2));
  order.push_back(order[7]);  // a repeated cell
  const auto subset_of = [](std::vector<int64_t> cells) {
    Subset subset;
    subset.all_cells = false;
    subset.cells = std::move(cells);
    subset.n_features = 60;
    return subset;
  };
  const CellSourcePtr odd = choose(source, subset_of(order));
  std::vector<int64_t> place;
  const CellSourcePtr sorted = odd->in_file_order(place);
  REQUIRE(sorted != nullptr);
  std::vector<int64_t> in_file;
  for (int64_t cell : place) in_file.push_back(order[cell]);
  REQUIRE(std::is_sorted(in_file.begin(), in_file.end()));
  SparseRows rows;
  sorted->read(0, 401, rows);
  REQUIRE(dense(rows, 60).values == chosen(counts, in_file).values);
  // A selection of a selection, next to another source; depths are in their
  // order.
  std::vector<int64_t> some = {9, 4, 300, 4, 0};
  const CellSourcePtr joined =
      concat_sources({{choose(odd, subset_of(some)), {}}, {source, {}}}, 60);
  std::vector<int64_t> cells;
  for (int64_t cell : some) cells.push_back(order[cell]);
  for (int64_t cell = 0; cell < 500; ++cell) cells.push_back(cell);
  const StoreOptions packs;
  ScanOptions options;
  options.store = &packs;
  const ScanResult result = scan(joined, options);
  const auto open = open_features(counts, cells);
  for (size_t k = 0; k < cells.size(); ++k) {
    REQUIRE(result.depth[k] == static_cast<int32_t>(open[k].size()));
  }
  SparseRows found;
  std::vector<int64_t> all(505);
  std::iota(all.begin(), all.end(), int64_t{0});
  result.store->read_open(all.data(), 505, found);
  REQUIRE(lists_of(found) == open);
}

}  // namespace data_hdf5_rows_test
