// PlaceReader and the plan of its pools, against the lists of open peaks that
// the sources were made of.
#include "../../src/core/data/stream/place_reader.h"

#include "catch.h"
#include "stream_sources.h"

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 203;
constexpr int32_t kPeaks = 40;

// Places for about `cells` cells of the density 0.4.
PoolLimits room_for(int64_t cells) {
  const int64_t bytes = cells * 16 * 4;
  return {bytes, bytes};
}

std::vector<std::vector<int32_t>> read_all(PlaceReader& reader, int64_t n,
                                           int64_t at_once) {
  const std::atomic<bool> never{false};
  std::vector<std::vector<int32_t>> out;
  while (static_cast<int64_t>(out.size()) < n) {
    OpenRows rows;
    const int64_t count =
        std::min(at_once, n - static_cast<int64_t>(out.size()));
    REQUIRE(reader.read(count, rows, never));
    REQUIRE(rows.n_rows() == count);
    for (int64_t row = 0; row < count; ++row) {
      out.emplace_back(rows.features.begin() + rows.offsets[row],
                       rows.features.begin() + rows.offsets[row + 1]);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("cells are served in their order, whatever the pools", "[data]") {
  const OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  const std::vector<int32_t> map =
      GENERATE(true, false) ? reversed_even(kPeaks) : all_places(kPeaks);
  const int64_t pool = GENERATE(1, 12, 60, 100000);
  const int64_t at_once = GENERATE(1, 7, 64);
  auto source = std::make_shared<ForwardSource>(source_of_peaks(peaks, kPeaks));
  PlaceReader reader(source, map, room_for(pool));
  REQUIRE(reader.plan().held_whole == (pool == 100000));
  for (const std::vector<int64_t>& order :
       {odd_order(kCells), first_cells(kCells),
        std::vector<int64_t>{5, 5, 4}}) {
    reader.start(order, 0);
    const auto served =
        read_all(reader, static_cast<int64_t>(order.size()), at_once);
    for (size_t k = 0; k < order.size(); ++k) {
      REQUIRE(served[k] == places_of(peaks[order[k]], map));
    }
  }
}

TEST_CASE("a reader can begin anywhere in an order", "[data]") {
  const OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  auto source = std::make_shared<ForwardSource>(source_of_peaks(peaks, kPeaks));
  PlaceReader reader(source, all_places(kPeaks), room_for(50));
  const std::vector<int64_t> order = odd_order(kCells);
  for (int64_t position :
       {int64_t{0}, int64_t{1}, int64_t{49}, int64_t{101}, kCells - 1}) {
    reader.start(order, position);
    const auto served = read_all(reader, kCells - position, 9);
    for (size_t k = 0; k < served.size(); ++k) {
      REQUIRE(served[k] == peaks[order[position + k]]);
    }
  }
}

TEST_CASE("a pool reads each of its blocks once", "[data]") {
  const OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  auto source =
      std::make_shared<ForwardSource>(source_of_peaks(peaks, kPeaks), 10);
  PlaceReader reader(source, all_places(kPeaks), room_for(50));
  const int64_t size = reader.plan().pool_size(kCells);
  REQUIRE(size < kCells);
  // An order of whole blocks, as epoch_order() makes them.
  std::vector<int64_t> order = first_cells(kCells);
  std::rotate(order.begin(), order.begin() + 100, order.end());
  reader.start(order, 0);
  read_all(reader, kCells, 8);
  const int64_t n_blocks = (kCells + 9) / 10;
  REQUIRE(source->n_blocks >= n_blocks);
  // At each border of two pools one block may be read twice.
  REQUIRE(source->n_blocks <= n_blocks + kCells / size + 1);
}

TEST_CASE("what is held of a file does not grow with its cells", "[data]") {
  const PoolLimits limits = room_for(60);
  for (int64_t n : {400, 4000}) {
    auto source = std::make_shared<ForwardSource>(
        source_of_peaks(random_peaks(n, kPeaks, 0.4), kPeaks));
    PlaceReader reader(source, all_places(kPeaks), limits);
    const std::vector<int64_t> order = odd_order(n);
    reader.start(order, 0);
    read_all(reader, n, 16);
    REQUIRE(reader.most_bytes() > limits.bytes);  // it does read ahead
    REQUIRE(reader.most_bytes() < 3 * limits.bytes);
  }
}

TEST_CASE("deep cells in a row shorten the pool", "[data]") {
  // A tenth of the cells holds ten times the peaks: file order meets them all
  // at once.
  OpenPeaks peaks = random_peaks(900, 200, 0.01);
  const OpenPeaks deep = random_peaks(100, 200, 0.9);
  peaks.insert(peaks.end(), deep.begin(), deep.end());
  auto source = std::make_shared<ForwardSource>(source_of_peaks(peaks, 200), 2);
  const PoolLimits limits{1000 * 4, 1000 * 4};
  PlaceReader reader(source, all_places(200), limits);
  std::vector<int64_t> order = first_cells(1000);
  std::reverse(order.begin(), order.end());
  reader.start(order, 0);
  REQUIRE(read_all(reader, 1000, 20).size() == 1000);
  REQUIRE(reader.most_bytes() < 5 * limits.bytes);
}

TEST_CASE("memory is read a minibatch at a time", "[data]") {
  const OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  PlaceReader reader(source_of_peaks(peaks, kPeaks), all_places(kPeaks),
                     room_for(20));
  REQUIRE(reader.plan().any_order());
  const std::vector<int64_t> order = odd_order(kCells);
  reader.start(order, 3);
  REQUIRE(read_all(reader, 1, 1)[0] == peaks[order[3]]);
  REQUIRE(reader.most_bytes() == 0);
}

TEST_CASE("few places among many are put in order too", "[data]") {
  // So few that they are sorted and not marked; and one that stands twice.
  constexpr int32_t kMany = 5000;
  std::vector<int32_t> backwards(kMany);
  for (int32_t p = 0; p < kMany; ++p) backwards[p] = kMany - 1 - p;
  auto source = std::make_shared<ForwardSource>(source_of_peaks(
      {{3, 4998}, {0, 1, 2}, random_peaks(1, kMany, 0.3)[0]}, kMany));
  PlaceReader reader(source, backwards, {});
  const std::vector<int64_t> order = {0, 1, 2};
  reader.start(order, 0);
  const auto served = read_all(reader, 3, 3);
  REQUIRE(served[0] == std::vector<int32_t>{1, 4996});
  REQUIRE(served[1] == std::vector<int32_t>{4997, 4998, 4999});
  REQUIRE(std::is_sorted(served[2].begin(), served[2].end()));
  REQUIRE(served[2] == places_of(random_peaks(1, kMany, 0.3)[0], backwards));
}

TEST_CASE("a plan follows the entries of the source", "[data]") {
  // 16 entries a cell on average, 5 cells a block.
  const OpenPeaks peaks = random_peaks(4000, kPeaks, 0.4);
  const int64_t cell_bytes =
      4 * source_of_peaks(peaks, kPeaks)->n_entries(0, 4000) / 4000;
  ForwardSource source(source_of_peaks(peaks, kPeaks), 20);
  const auto cells_of = [&](int64_t bytes, int64_t most) {
    return plan_blocks(source, {bytes, most}).pool_cells;
  };
  // As large as asked.
  REQUIRE(cells_of(3000 * cell_bytes, 3000 * cell_bytes) ==
          Approx(3000).epsilon(0.05));
  // At least 1,024 cells and 100 blocks, while that fits.
  REQUIRE(cells_of(10 * cell_bytes, 3500 * cell_bytes) == 2000);
  REQUIRE(cells_of(10 * cell_bytes, 1500 * cell_bytes) ==
          Approx(1500).epsilon(0.05));
  REQUIRE(cells_of(1, 1) == 1);
  REQUIRE(plan_blocks(source, {}).held_whole);
  REQUIRE(plan_blocks(*source_of_peaks(peaks, kPeaks), {1, 1}).any_order());
}

TEST_CASE("pools of an order are of one size", "[data]") {
  BlockPlan plan;
  plan.pool_cells = 100;
  REQUIRE(plan.pool_size(100) == 100);
  REQUIRE(plan.pool_size(101) == 51);
  REQUIRE(plan.pool_size(7) == 7);
  REQUIRE(plan.pool_size(1000) == 100);
}

TEST_CASE("a reader that is told to stop stops between two blocks", "[data]") {
  auto source = std::make_shared<ForwardSource>(
      source_of_peaks(random_peaks(kCells, kPeaks, 0.4), kPeaks));
  for (int64_t pool : {30, 100000}) {
    PlaceReader reader(source, all_places(kPeaks), room_for(pool));
    const std::vector<int64_t> order = odd_order(kCells);
    reader.start(order, 0);
    const std::atomic<bool> stop{true};
    source->n_reads = 0;
    OpenRows rows;
    REQUIRE_FALSE(reader.read(5, rows, stop));
    REQUIRE(source->n_reads == 0);
    reader.start(order, 0);
    REQUIRE(read_all(reader, kCells, 10).size() == size_t{kCells});
  }
}
