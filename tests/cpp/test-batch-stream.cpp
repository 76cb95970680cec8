// Tests the contents of minibatches.
#include "core/data/stream/batch_stream.h"

#include <set>

#include "catch.h"
#include "stream_sources.h"
#include "torch_helpers.h"

namespace batch_stream_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 37;
constexpr int32_t kPeaks = 20;

OpenPeaks open_peaks() { return random_peaks(kCells, kPeaks, 0.4); }

std::vector<int64_t> row(const SparseRowsTensor& rows, int64_t i) {
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = rows.indices.data_ptr<int64_t>();
  return {indices + offsets[i], indices + offsets[i + 1]};
}

}  // namespace

TEST_CASE("minibatches hold the requested cells, peaks and confounders") {
  const OpenPeaks cells = open_peaks();
  const bool forwards = GENERATE(false, true);
  const bool as_double = GENERATE(false, true);
  CellSourcePtr source = source_of_peaks(cells, kPeaks);
  if (forwards) source = std::make_shared<ForwardSource>(source);
  const std::vector<int32_t> map = reversed_even(kPeaks);
  StreamOptions options;
  options.batch_size = 8;
  options.type = as_double ? at::kDouble : at::kFloat;
  BatchStream stream(source, map, cell_numbers(kCells), options);
  const std::vector<int64_t> order = odd_order(kCells);
  stream.start(order, 1);
  SparseBatch batch;
  size_t at = 0;
  while (stream.next(batch)) {
    REQUIRE(batch.n_cells() == (at + 8 <= kCells ? 8 : kCells % 8));
    REQUIRE(stream.cells() ==
            std::vector<int64_t>(order.begin() + at,
                                 order.begin() + at + batch.n_cells()));
    REQUIRE(batch.confounders.scalar_type() == options.type);
    REQUIRE(batch.cell_scale.scalar_type() == options.type);
    REQUIRE_FALSE(batch.input_weights.defined());
    for (int64_t i = 0; i < batch.n_cells(); ++i, ++at) {
      const std::vector<int32_t> places = places_of(cells[order[at]], map);
      const std::vector<int64_t> expected(places.begin(), places.end());
      REQUIRE(row(batch.target, i) == expected);
      REQUIRE(row(batch.input, i) == expected);
      REQUIRE(batch.host_offsets[i + 1] - batch.host_offsets[i] ==
              static_cast<int64_t>(expected.size()));
      REQUIRE(batch.confounders[i][0].item<double>() == order[at]);
      REQUIRE(batch.confounders[i][1].item<double>() == -order[at]);
      const double n =
          std::max<double>(1, static_cast<double>(expected.size()));
      REQUIRE(batch.cell_scale[i][0].item<double>() ==
              Approx(1 / std::sqrt(n)));
    }
  }
  REQUIRE(at == static_cast<size_t>(kCells));
}

TEST_CASE("a last minibatch with too few cells is left out") {
  std::vector<int32_t> map(kPeaks, -1);
  map[0] = 0;
  StreamOptions options;
  options.batch_size = 6;
  BatchStream stream(source_of_peaks(open_peaks(), kPeaks), map,
                     cell_numbers(kCells), options);
  stream.start(first_cells(13), 1);
  SparseBatch batch;
  int n = 0;
  while (stream.next(batch, /*at_least=*/2)) ++n;
  REQUIRE(n == 2);
  REQUIRE(stream.cells().empty());
  REQUIRE_FALSE(stream.next(batch));
}

TEST_CASE("thinning hides part of the input and nothing of the target") {
  OpenPeaks cells(kCells);
  for (auto& cell : cells) {
    for (int32_t p = 0; p < kPeaks; ++p) cell.push_back(p);
  }
  cells[0] = {3};
  StreamOptions options;
  options.batch_size = kCells;
  options.thinning = {0.2, 0.8};
  BatchStream stream(source_of_peaks(cells, kPeaks), all_places(kPeaks),
                     cell_numbers(kCells), options);
  double kept = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    stream.start(first_cells(kCells), seed);
    SparseBatch batch;
    REQUIRE(stream.next(batch));
    REQUIRE(row(batch.input, 0) == std::vector<int64_t>{3});
    for (int64_t i = 1; i < kCells; ++i) {
      REQUIRE(row(batch.target, i).size() == size_t{kPeaks});
      const std::vector<int64_t> seen = row(batch.input, i);
      REQUIRE(!seen.empty());
      REQUIRE(std::is_sorted(seen.begin(), seen.end()));
      REQUIRE(std::set<int64_t>(seen.begin(), seen.end()).size() ==
              seen.size());
      REQUIRE(batch.cell_scale[i][0].item<double>() ==
              Approx(1 / std::sqrt(static_cast<double>(seen.size()))));
      kept += static_cast<double>(seen.size());
    }
  }
  // A rate uniform on [0.2, 0.8] leaves 0.5 of the peaks on average.
  REQUIRE(kept / (40 * (kCells - 1) * kPeaks) == Approx(0.5).margin(0.03));
}

TEST_CASE("a cell that thinning would hide entirely keeps a random peak") {
  const OpenPeaks cells(1000, {2, 5, 11});
  StreamOptions options;
  options.batch_size = 1000;
  options.thinning = {1, 1};
  BatchStream stream(source_of_peaks(cells, kPeaks), all_places(kPeaks),
                     cell_numbers(1000), options);
  stream.start(first_cells(1000), 3);
  SparseBatch batch;
  REQUIRE(stream.next(batch));
  REQUIRE(batch.input.indices.size(0) == 1000);
  for (int64_t peak : {2, 5, 11}) {
    REQUIRE(batch.input.indices.eq(peak).sum().item<int64_t>() ==
            Approx(333).margin(60));
  }
}

TEST_CASE("thinning and batch size change with the next start") {
  StreamOptions options;
  options.batch_size = 10;
  BatchStream stream(source_of_peaks(open_peaks(), kPeaks), all_places(kPeaks),
                     cell_numbers(kCells), options);
  SparseBatch batch;
  stream.start(first_cells(kCells), 1);
  stream.set_thinning({0.5, 0.5});
  stream.set_batch_size(30);
  REQUIRE(stream.next(batch));
  REQUIRE(batch.n_cells() == 10);
  REQUIRE(batch.input.indices.size(0) == batch.target.indices.size(0));
  stream.start(first_cells(kCells), 1);
  REQUIRE(stream.next(batch));
  REQUIRE(batch.n_cells() == 30);
  REQUIRE(batch.input.indices.size(0) < batch.target.indices.size(0));
}

TEST_CASE("minibatches have the reference, its presence and the weights") {
  const bool resident = GENERATE(false, true);
  StreamOptions options;
  options.batch_size = 8;
  options.force_resident = resident;
  const CellSourcePtr source = source_of_peaks(open_peaks(), kPeaks);
  BatchStream stream(source, all_places(kPeaks), cell_numbers(kCells), options,
                     cell_reference(kCells));
  REQUIRE(stream.resident() == resident);
  stream.start({7, 3, 5}, 1);
  SparseBatch batch;
  REQUIRE(stream.next(batch));
  const auto equals = [](const at::Tensor& found,
                         const std::vector<float>& expected) {
    return at::equal(found.flatten(), at::tensor(expected, at::kFloat));
  };
  REQUIRE(batch.confounders.sizes() == at::IntArrayRef({3, 2}));
  REQUIRE(equals(batch.confounders, {7, -7, 3, -3, 5, -5}));
  REQUIRE(batch.reference.sizes() == at::IntArrayRef({3, 2}));
  REQUIRE(equals(batch.reference, {107, 207, 0, 0, 105, 205}));
  REQUIRE(batch.has_reference.dim() == 1);
  REQUIRE(equals(batch.has_reference, {1, 0, 1}));
  REQUIRE(batch.reference_weight.dim() == 1);
  REQUIRE(equals(batch.reference_weight, {1.0f / 8, 1.0f / 4, 1.0f / 6}));

  BatchStream without(source, all_places(kPeaks), cell_numbers(kCells),
                      options);
  without.start({7, 3, 5}, 1);
  REQUIRE(without.next(batch));
  REQUIRE_FALSE(batch.reference.defined());
  REQUIRE_FALSE(batch.has_reference.defined());
  REQUIRE_FALSE(batch.reference_weight.defined());
}

TEST_CASE("a source and maps that do not fit are refused") {
  const CellSourcePtr source = source_of_peaks(open_peaks(), kPeaks);
  REQUIRE_THROWS_WITH(
      BatchStream(source, std::vector<int32_t>(3), cell_numbers(kCells), {}),
      contains("peaks"));
  const ConfounderMatrix few = confounders_of_numbers(1, {1, 2});
  REQUIRE_THROWS_WITH(BatchStream(source, all_places(kPeaks), few, {}),
                      contains("cells"));
  REQUIRE_THROWS_WITH(
      BatchStream(source, all_places(kPeaks), cell_numbers(kCells), {},
                  cell_reference(kCells - 1)),
      contains("reference"));
  StreamOptions half;
  half.type = at::kHalf;
  REQUIRE_THROWS_WITH(
      BatchStream(source, all_places(kPeaks), cell_numbers(kCells), half),
      contains("float or double"));
}

}  // namespace batch_stream_test
