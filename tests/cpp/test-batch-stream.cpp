#include <algorithm>
#include <numeric>
#include <set>

#include "catch.h"
#include "core/data/batch_stream.h"
#include "core/data/packed_source.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 37, kPeaks = 20;

// The same cells, once with random access and once read like a file.
class ForwardSource final : public CellSource {
 public:
  explicit ForwardSource(CellSourcePtr inner) : inner_(std::move(inner)) {}
  int64_t n_cells() const override { return inner_->n_cells(); }
  int64_t n_features() const override { return inner_->n_features(); }
  void read(int64_t first, int64_t count, SparseRows& out) override {
    largest_ = std::max(largest_, count);
    inner_->read(first, count, out);
  }
  bool random_access() const override { return false; }
  std::string describe() const override { return "cells read forwards"; }
  int64_t largest() const { return largest_; }

 private:
  CellSourcePtr inner_;
  int64_t largest_ = 0;
};

std::vector<std::vector<int32_t>> open_peaks() {
  std::mt19937_64 engine(4);
  std::vector<std::vector<int32_t>> cells(kCells);
  for (auto& cell : cells) {
    for (int32_t p = 0; p < kPeaks; ++p) {
      if (uniform_unit(engine) < 0.4) cell.push_back(p);
    }
    if (cell.empty()) cell.push_back(0);
  }
  return cells;
}

CellSourcePtr source_of(const std::vector<std::vector<int32_t>>& cells) {
  auto source = std::make_shared<PackedSource>(kPeaks);
  SparseRows rows;
  for (const auto& cell : cells) {
    for (int32_t p : cell) {
      rows.indices.push_back(p);
      rows.values.push_back(static_cast<float>(1 + p % 3));
    }
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  source->append(rows);
  return source;
}

// Peaks in reverse order, the odd ones left out.
std::vector<int32_t> reversed_even() {
  std::vector<int32_t> map(kPeaks, -1);
  for (int32_t p = 0; p < kPeaks; p += 2) map[p] = (kPeaks - 1 - p) / 2;
  return map;
}

ConfounderMatrix cell_numbers() {
  ConfounderMatrix c;
  c.width = 2;
  for (int64_t i = 0; i < kCells; ++i) {
    c.values.push_back(static_cast<float>(i));
    c.values.push_back(static_cast<float>(-i));
  }
  return c;
}

std::vector<int64_t> row(const SparseRowsTensor& rows, int64_t i) {
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = rows.indices.data_ptr<int64_t>();
  return {indices + offsets[i], indices + offsets[i + 1]};
}

std::vector<int64_t> odd_order() {
  std::vector<int64_t> order(kCells);
  std::iota(order.begin(), order.end(), int64_t{0});
  std::mt19937_64 engine(8);
  shuffle(order, engine);
  return order;
}

}  // namespace

TEST_CASE("minibatches hold the asked cells, peaks and confounders") {
  const auto cells = open_peaks();
  const bool forwards = GENERATE(false, true);
  CellSourcePtr source = source_of(cells);
  if (forwards) source = std::make_shared<ForwardSource>(source);
  const std::vector<int32_t> map = reversed_even();
  StreamOptions options;
  options.batch_size = 8;
  options.pool_cells = 11;
  BatchStream stream(source, map, cell_numbers(), options);
  const std::vector<int64_t> order = odd_order();
  stream.start(order, 1);
  SparseBatch batch;
  size_t at = 0;
  while (stream.next(batch)) {
    REQUIRE(batch.n_cells() == (at + 8 <= kCells ? 8 : kCells % 8));
    for (int64_t i = 0; i < batch.n_cells(); ++i, ++at) {
      std::vector<int64_t> expected;
      for (int32_t p : cells[order[at]]) {
        if (map[p] >= 0) expected.push_back(map[p]);
      }
      std::sort(expected.begin(), expected.end());
      REQUIRE(row(batch.target, i) == expected);
      REQUIRE(row(batch.input, i) == expected);
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

TEST_CASE("a file is read in pieces no longer than the pool") {
  auto source = std::make_shared<ForwardSource>(source_of(open_peaks()));
  std::vector<int32_t> map(kPeaks);
  std::iota(map.begin(), map.end(), 0);
  StreamOptions options;
  options.batch_size = 4;
  options.pool_cells = 12;
  BatchStream stream(source, map, cell_numbers(), options);
  std::vector<int64_t> order(kCells);
  std::iota(order.begin(), order.end(), int64_t{0});
  stream.start(order, 1);
  SparseBatch batch;
  while (stream.next(batch)) {
  }
  REQUIRE(source->largest() <= 12);
}

TEST_CASE("a last minibatch of too few cells is left out") {
  std::vector<int32_t> map(kPeaks, -1);
  map[0] = 0;
  StreamOptions options;
  options.batch_size = 6;
  BatchStream stream(source_of(open_peaks()), map, cell_numbers(), options);
  std::vector<int64_t> order(13);
  std::iota(order.begin(), order.end(), int64_t{0});
  stream.start(order, 1);
  SparseBatch batch;
  int n = 0;
  while (stream.next(batch, /*at_least=*/2)) ++n;
  REQUIRE(n == 2);
}

TEST_CASE("thinning hides part of the input and nothing of the target") {
  std::vector<std::vector<int32_t>> cells(kCells);
  for (auto& cell : cells) {
    for (int32_t p = 0; p < kPeaks; ++p) cell.push_back(p);
  }
  cells[0] = {3};
  std::vector<int32_t> map(kPeaks);
  std::iota(map.begin(), map.end(), 0);
  StreamOptions options;
  options.batch_size = kCells;
  options.thinning = {0.2, 0.8};
  BatchStream stream(source_of(cells), map, cell_numbers(), options);
  std::vector<int64_t> order(kCells);
  std::iota(order.begin(), order.end(), int64_t{0});
  double kept = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    stream.start(order, seed);
    SparseBatch batch;
    REQUIRE(stream.next(batch));
    REQUIRE(row(batch.input, 0) == std::vector<int64_t>{3});
    for (int64_t i = 1; i < kCells; ++i) {
      REQUIRE(row(batch.target, i).size() == size_t{kPeaks});
      const std::vector<int64_t> seen = row(batch.input, i);
      REQUIRE(!seen.empty());
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

TEST_CASE("a source and names that do not fit are refused") {
  REQUIRE_THROWS_WITH(BatchStream(source_of(open_peaks()),
                                  std::vector<int32_t>(3), cell_numbers(), {}),
                      contains("peaks"));
  ConfounderMatrix few;
  few.width = 1;
  few.values = {1, 2};
  REQUIRE_THROWS_WITH(BatchStream(source_of(open_peaks()),
                                  std::vector<int32_t>(kPeaks), few, {}),
                      contains("cells"));
}
