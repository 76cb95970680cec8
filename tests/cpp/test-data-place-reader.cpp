// PlaceReader, compared with the lists of open peaks that the sources were made
// from.
#include "../../src/core/data/stream/place_reader.h"

#include "catch.h"
#include "stream_sources.h"

namespace data_place_reader_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 203;
constexpr int32_t kPeaks = 40;

std::vector<std::vector<int32_t>> read_all(PlaceReader& reader,
                                           const std::vector<int64_t>& order,
                                           int64_t at_once) {
  const auto n = static_cast<int64_t>(order.size());
  std::vector<std::vector<int32_t>> out;
  for (int64_t first = 0; first < n; first += at_once) {
    SparseRows rows;
    const int64_t count = std::min(at_once, n - first);
    reader.read(order.data() + first, count, rows);
    REQUIRE(rows.n_rows() == count);
    for (int64_t row = 0; row < count; ++row) {
      out.emplace_back(rows.indices.begin() + rows.offsets[row],
                       rows.indices.begin() + rows.offsets[row + 1]);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("cells are served in order, from a store and from a reader",
          "[data]") {
  const OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  const std::vector<int32_t> map =
      GENERATE(true, false) ? reversed_even(kPeaks) : all_places(kPeaks);
  const bool stored = GENERATE(true, false);
  const int64_t at_once = GENERATE(1, 7, 64);
  CellSourcePtr source = source_of_peaks(peaks, kPeaks);
  if (!stored) {
    auto forward = std::make_shared<ForwardSource>(source);
    forward->entry_weight = 5000;  // about 13 cells per block
    source = forward;
  }
  PlaceReader reader(source, map);
  REQUIRE(reader.reads_store() == stored);
  for (const std::vector<int64_t>& order :
       {first_cells(kCells), std::vector<int64_t>{3, 3, 90, 200},
        odd_order(kCells), std::vector<int64_t>{5, 5, 4}}) {
    REQUIRE(reader.prepare(order));
    const auto served = read_all(reader, order, at_once);
    for (size_t k = 0; k < order.size(); ++k) {
      REQUIRE(served[k] == places_of(peaks[order[k]], map));
    }
  }
}

TEST_CASE("cells are read once in file order, and packed for other orders",
          "[data]") {
  auto source = std::make_shared<ForwardSource>(
      source_of_peaks(random_peaks(kCells, kPeaks, 0.4), kPeaks));
  source->entry_weight = 5000;
  PlaceReader reader(source, all_places(kPeaks));
  const std::vector<int64_t> all = first_cells(kCells);
  REQUIRE(reader.prepare(all));
  read_all(reader, all, 8);
  REQUIRE(source->n_cells_read == kCells);
  REQUIRE_FALSE(reader.reads_store());
  const std::vector<int64_t> order = odd_order(kCells);
  REQUIRE_FALSE(reader.prepare(order, [] { return true; }));
  REQUIRE(source->n_cells_read == kCells);
  for (int epoch = 0; epoch < 3; ++epoch) {
    REQUIRE(reader.prepare(order));
    read_all(reader, order, 8);
  }
  REQUIRE(source->n_cells_read == 2 * kCells);
}

TEST_CASE("a few places among many are sorted, too", "[data]") {
  // The first two cells have so few places that these are sorted, not marked.
  constexpr int32_t kMany = 5000;
  std::vector<int32_t> backwards(kMany);
  for (int32_t p = 0; p < kMany; ++p) backwards[p] = kMany - 1 - p;
  PlaceReader reader(
      source_of_peaks({{3, 4998}, {0, 1, 2}, random_peaks(1, kMany, 0.3)[0]},
                      kMany),
      backwards);
  const std::vector<int64_t> order = {0, 1, 2};
  const auto served = read_all(reader, order, 3);
  REQUIRE(served[0] == std::vector<int32_t>{1, 4996});
  REQUIRE(served[1] == std::vector<int32_t>{4997, 4998, 4999});
  REQUIRE(std::is_sorted(served[2].begin(), served[2].end()));
  REQUIRE(served[2] == places_of(random_peaks(1, kMany, 0.3)[0], backwards));
}

}  // namespace data_place_reader_test
