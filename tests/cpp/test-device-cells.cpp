// Cells that stay on the device, tested with the same tensor operations on the
// CPU: compared with streamed minibatches and with lists.
#include "core/data/stream/device_cells.h"

#include <ATen/ATen.h>

#include "catch.h"
#include "core/data/stream/batch_stream.h"
#include "core/support/cuda_driver.h"
#include "stream_sources.h"
#include "torch_helpers.h"

namespace device_cells_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 83;
constexpr int32_t kPeaks = 60;

StreamOptions options_of(bool resident, Thinning thinning = {}) {
  StreamOptions options;
  options.batch_size = 9;
  options.force_resident = resident;
  options.thinning = thinning;
  return options;
}

// Cells with few peaks, many, and none that the model keeps.
OpenPeaks mixed_peaks() {
  OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  peaks[5] = {1};
  peaks[6] = {4};
  peaks[7] = all_places(kPeaks);
  return peaks;
}

std::vector<SparseBatch> batches_of(BatchStream& stream,
                                    const std::vector<int64_t>& order,
                                    uint64_t seed, int64_t position = 0) {
  std::vector<SparseBatch> batches;
  stream.start(order, seed, position);
  SparseBatch batch;
  while (stream.next(batch)) batches.push_back(batch);
  return batches;
}

}  // namespace

TEST_CASE("resident cells give the same target as streamed ones") {
  const bool forwards = GENERATE(false, true);
  CellSourcePtr source = source_of_peaks(mixed_peaks(), kPeaks);
  if (forwards) source = std::make_shared<ForwardSource>(source);
  const std::vector<int32_t> map = reversed_even(kPeaks);
  const ConfounderMatrix confounders =
      GENERATE(false, true) ? cell_labels(kCells) : cell_numbers(kCells);
  BatchStream plain(source, map, confounders, options_of(false));
  BatchStream resident(source, map, confounders, options_of(true));
  REQUIRE_FALSE(plain.resident());
  REQUIRE(resident.resident());
  const std::vector<int64_t> order = odd_order(kCells);
  const auto expected = batches_of(plain, order, 1);
  const auto found = batches_of(resident, order, 1);
  REQUIRE(found.size() == expected.size());
  for (size_t k = 0; k < found.size(); ++k) {
    REQUIRE(at::equal(found[k].target.offsets, expected[k].target.offsets));
    REQUIRE(at::equal(found[k].target.indices, expected[k].target.indices));
    REQUIRE(at::equal(found[k].confounders, expected[k].confounders));
    REQUIRE(at::allclose(found[k].cell_scale, expected[k].cell_scale));
    REQUIRE(found[k].host_offsets == expected[k].host_offsets);
    REQUIRE_FALSE(found[k].input_weights.defined());
    REQUIRE(found[k].input.indices.is_same(found[k].target.indices));
  }
}

TEST_CASE("a resident stream lists its cells and leaves out a short end") {
  BatchStream stream(source_of_peaks(mixed_peaks(), kPeaks), all_places(kPeaks),
                     cell_numbers(kCells), options_of(true));
  stream.start({4, 4, 80, 2, 1, 0, 9, 8, 7, 3}, 1);
  SparseBatch batch;
  REQUIRE(stream.next(batch, 2));
  REQUIRE(stream.cells() == std::vector<int64_t>{4, 4, 80, 2, 1, 0, 9, 8, 7});
  REQUIRE_FALSE(stream.next(batch, 2));
  REQUIRE_FALSE(stream.next(batch));
}

TEST_CASE("resident cells are thinned the same when resumed anywhere") {
  const auto make = [] {
    return std::make_unique<BatchStream>(
        source_of_peaks(mixed_peaks(), kPeaks), all_places(kPeaks),
        cell_numbers(kCells), options_of(true, {0.2, 0.7}));
  };
  const std::vector<int64_t> order = odd_order(kCells);
  auto whole = make();
  const auto all = batches_of(*whole, order, 6);
  for (size_t from = 0; from < all.size(); ++from) {
    auto resumed = make();
    const auto rest =
        batches_of(*resumed, order, 6, static_cast<int64_t>(from) * 9);
    REQUIRE(rest.size() == all.size() - from);
    for (size_t k = 0; k < rest.size(); ++k) {
      REQUIRE(at::equal(rest[k].target.indices, all[from + k].target.indices));
      REQUIRE(at::equal(rest[k].input_weights, all[from + k].input_weights));
      REQUIRE(at::equal(rest[k].cell_scale, all[from + k].cell_scale));
    }
  }
  const auto other = batches_of(*whole, order, 7);
  REQUIRE_FALSE(at::equal(other[0].input_weights, all[0].input_weights));
}

TEST_CASE("weights hide the requested share of a cell but never all of it") {
  // Cells of 1, 4 and 60 peaks.
  OpenPeaks peaks;
  for (int k = 0; k < 300; ++k) {
    peaks.push_back({3});
    peaks.push_back({1, 2, 5, 40});
    peaks.push_back(all_places(kPeaks));
  }
  StreamOptions options = options_of(true, {0.3, 0.9});
  options.batch_size = 900;
  BatchStream stream(source_of_peaks(peaks, kPeaks), all_places(kPeaks),
                     cell_numbers(900), options);
  double kept = 0, kept_squares = 0, kept_of_four = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    stream.start(first_cells(900), seed);
    SparseBatch batch;
    REQUIRE(stream.next(batch));
    const at::Tensor weights = batch.input_weights;
    REQUIRE(weights.sizes() == batch.input.indices.sizes());
    REQUIRE(at::logical_or(weights.eq(0), weights.eq(1)).all().item<bool>());
    for (int64_t i = 0; i < 900; ++i) {
      const int64_t begin = batch.host_offsets[i];
      const double seen = weights.slice(0, begin, batch.host_offsets[i + 1])
                              .sum()
                              .item<double>();
      REQUIRE(seen >= 1);
      REQUIRE(batch.cell_scale[i][0].item<double>() ==
              Approx(1 / std::sqrt(seen)));
      if (i % 3 == 1) kept_of_four += seen / (4 * 3000);
      if (i % 3 != 2) continue;
      kept += seen / (kPeaks * 3000);
      kept_squares += seen * seen / (kPeaks * kPeaks * 3000.0);
    }
  }
  // Rates are uniform on [0.3, 0.9], one per cell: 0.4 of the peaks are kept,
  // with the variance of the rate, 0.03, plus that of 60 draws, 0.0035.
  REQUIRE(kept == Approx(0.4).margin(0.015));
  REQUIRE(kept_squares - kept * kept == Approx(0.0335).margin(0.004));
  // Of four peaks, 0.4 are kept on average, and one if all would be hidden: the
  // mean of rate^4 is 0.195, a quarter of which is added.
  REQUIRE(kept_of_four == Approx(0.4 + 0.195 / 4).margin(0.02));
}

TEST_CASE("the peak that is left of a cell is random") {
  const OpenPeaks peaks(900, {1, 2, 5});
  StreamOptions options = options_of(true, {1, 1});
  options.batch_size = 900;
  BatchStream stream(source_of_peaks(peaks, kPeaks), all_places(kPeaks),
                     cell_numbers(900), options);
  stream.start(first_cells(900), 2);
  SparseBatch batch;
  REQUIRE(stream.next(batch));
  const at::Tensor left = batch.input_weights.view({900, 3}).sum(0);
  REQUIRE(left.sum().item<double>() == 900);
  for (int k = 0; k < 3; ++k) {
    REQUIRE(left[k].item<double>() == Approx(300).margin(60));
  }
}

TEST_CASE("cells without a peak of the model are allowed") {
  // Peak 4 is the only one of cell 6, and the model does not use it.
  std::vector<int32_t> map = all_places(kPeaks);
  map[4] = -1;
  for (int32_t p = 5; p < kPeaks; ++p) --map[p];
  BatchStream stream(source_of_peaks(mixed_peaks(), kPeaks), map,
                     cell_numbers(kCells), options_of(true, {0.5, 0.5}));
  stream.start({6}, 1);
  SparseBatch batch;
  REQUIRE(stream.next(batch));
  REQUIRE(batch.target.indices.size(0) == 0);
  REQUIRE(batch.input_weights.size(0) == 0);
  REQUIRE(batch.cell_scale.item<double>() == 1);
  stream.start({6, 5}, 1);
  REQUIRE(stream.next(batch));
  REQUIRE(batch.host_offsets == std::vector<int64_t>{0, 0, 1});
}

TEST_CASE("minibatches sent to a device equal those of resident cells") {
  const CellSourcePtr source = source_of_peaks(mixed_peaks(), kPeaks);
  const std::vector<int64_t> order = odd_order(kCells);
  const Thinning thinning{0.2, 0.7};
  const ConfounderMatrix confounders = cell_labels(kCells);
  const Reference reference = cell_reference(kCells);
  BatchStream resident(source, all_places(kPeaks), confounders,
                       options_of(true, thinning), reference);
  const auto expected = batches_of(resident, order, 6);
  // Minibatches as the thread makes them for a device, finished there.
  PlaceReader reader(source, all_places(kPeaks));
  HostOptions options;
  options.thinning = thinning;
  options.for_device = true;
  at::Generator generator = make_generator(at::kCPU, 0);
  int64_t position = 0;
  for (const SparseBatch& one : expected) {
    SparseBatch made = make_batch(
        reader, confounders, reference, order.data() + position, one.n_cells(),
        derive_seed(6, static_cast<uint64_t>(position)), options);
    REQUIRE_FALSE(made.cell_scale.defined());
    REQUIRE(made.target.indices.scalar_type() == at::kInt);
    made.target.indices = made.target.indices.to(at::kLong);
    finish_on_device(thinning, derive_seed(6, static_cast<uint64_t>(position)),
                     generator, made);
    REQUIRE(at::equal(made.target.offsets, one.target.offsets));
    REQUIRE(at::equal(made.target.indices, one.target.indices));
    REQUIRE(at::equal(made.confounders, one.confounders));
    REQUIRE(at::equal(made.reference, one.reference));
    REQUIRE(at::equal(made.has_reference, one.has_reference));
    REQUIRE(at::equal(made.reference_weight, one.reference_weight));
    REQUIRE(at::equal(made.input_weights, one.input_weights));
    REQUIRE(at::equal(made.cell_scale, one.cell_scale));
    REQUIRE(made.host_offsets == one.host_offsets);
    position += one.n_cells();
  }
  REQUIRE(position == kCells);
}

TEST_CASE("after a cancelled upload the cells are streamed") {
  StreamOptions options = options_of(true);
  int n_asked = 0;
  options.cancelled = [&] { return ++n_asked > 0; };
  BatchStream stream(source_of_peaks(mixed_peaks(), kPeaks), all_places(kPeaks),
                     cell_numbers(kCells), options);
  REQUIRE(n_asked == 1);
  REQUIRE_FALSE(stream.resident());
  REQUIRE(batches_of(stream, first_cells(kCells), 1).size() == 10);
}

TEST_CASE("the device memory for cells is known before they are read") {
  const CellSourcePtr source = source_of_peaks(mixed_peaks(), kPeaks);
  const int64_t peaks =
      4 * source->n_entries(0, kCells) + 8 * (kCells + 1) + 8 * kCells;
  REQUIRE(DeviceCells::bytes_needed(*source, 2, 0) == peaks);
  // Five values of the reference, its presence and its weight.
  REQUIRE(DeviceCells::bytes_needed(*source, 2, 5) == peaks + 28 * kCells);
  REQUIRE(free_device_bytes(at::kCPU) == 0);
}

}  // namespace device_cells_test
