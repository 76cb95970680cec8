// Sources and orders shared by the tests of the stream. Does not need LibTorch.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/data/confounders.h"
#include "core/data/readers/cell_source.h"
#include "core/data/store/store.h"
#include "core/support/error.h"
#include "core/support/shuffle.h"

namespace sailer_test {

using OpenPeaks = std::vector<std::vector<int32_t>>;  // of each cell, sorted

inline OpenPeaks random_peaks(int64_t n_cells, int32_t n_peaks, double density,
                              uint64_t seed = 4) {
  std::mt19937_64 engine(seed);
  OpenPeaks cells(static_cast<size_t>(n_cells));
  for (auto& cell : cells) {
    for (int32_t p = 0; p < n_peaks; ++p) {
      if (sailer::uniform_unit(engine) < density) cell.push_back(p);
    }
    if (cell.empty()) cell.push_back(0);
  }
  return cells;
}

inline sailer::SparseRows rows_of_peaks(const OpenPeaks& cells) {
  sailer::SparseRows rows;
  for (const auto& cell : cells) {
    for (int32_t p : cell) {
      rows.indices.push_back(p);
      rows.values.push_back(static_cast<float>(1 + p % 3));
    }
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  return rows;
}

inline sailer::CellSourcePtr source_of_peaks(const OpenPeaks& cells,
                                             int32_t n_peaks) {
  sailer::StoreWriter writer(n_peaks);
  writer.append(rows_of_peaks(cells));
  return writer.finish();
}

// Serves the same cells as a reader would. Counts the cells that are read, and
// fails at `bad_cell`.
class ForwardSource final : public sailer::CellSource {
 public:
  explicit ForwardSource(sailer::CellSourcePtr inner)
      : inner_(std::move(inner)) {}

  int64_t n_cells() const override { return inner_->n_cells(); }
  int64_t n_features() const override { return inner_->n_features(); }
  void append(int64_t first, int64_t count, sailer::SparseRows& out) override {
    if (first <= bad_cell && bad_cell < first + count) {
      throw sailer::Error(sailer::ErrorKind::kFile, "Cell 17 cannot be read.");
    }
    n_cells_read += count;
    inner_->read(first, count, out);
  }
  int64_t n_entries(int64_t first, int64_t count) const override {
    return entry_weight * inner_->n_entries(first, count);
  }
  std::string describe() const override { return "cells read forwards"; }

  int64_t bad_cell = -1;
  int64_t n_cells_read = 0;
  int64_t entry_weight = 1;  // above 1: makes blocks smaller

 private:
  sailer::CellSourcePtr inner_;
};

inline std::vector<int64_t> first_cells(int64_t n) {
  std::vector<int64_t> cells(static_cast<size_t>(n));
  std::iota(cells.begin(), cells.end(), int64_t{0});
  return cells;
}

inline std::vector<int64_t> odd_order(int64_t n, uint64_t seed = 8) {
  std::vector<int64_t> order = first_cells(n);
  std::mt19937_64 engine(seed);
  sailer::shuffle(order, engine);
  return order;
}

// Maps each peak to its own place.
inline std::vector<int32_t> all_places(int32_t n_peaks) {
  std::vector<int32_t> map(static_cast<size_t>(n_peaks));
  std::iota(map.begin(), map.end(), 0);
  return map;
}

// Maps the even peaks in reverse order and leaves out the odd ones.
inline std::vector<int32_t> reversed_even(int32_t n_peaks) {
  std::vector<int32_t> map(static_cast<size_t>(n_peaks), -1);
  for (int32_t p = 0; p < n_peaks; p += 2) map[p] = (n_peaks - 1 - p) / 2;
  return map;
}

inline std::vector<int32_t> places_of(const std::vector<int32_t>& peaks,
                                      const std::vector<int32_t>& map) {
  std::vector<int32_t> places;
  for (int32_t p : peaks) {
    if (map[p] >= 0) places.push_back(map[p]);
  }
  std::sort(places.begin(), places.end());
  return places;
}

inline sailer::ConfounderMatrix cell_numbers(int64_t n_cells) {
  std::vector<float> numbers;
  for (int64_t i = 0; i < n_cells; ++i) {
    numbers.push_back(static_cast<float>(i));
    numbers.push_back(static_cast<float>(-i));
  }
  return sailer::confounders_of_numbers(2, std::move(numbers));
}

// Depth, a batch of three levels (missing in every fourth cell), and an age.
inline sailer::ConfounderMatrix cell_labels(int64_t n_cells) {
  sailer::Confounders known;
  known.labels = {{"batch", {}, 3}};
  known.numbers = {{"age", {}}};
  for (int64_t i = 0; i < n_cells; ++i) {
    known.depth.push_back(static_cast<double>(1 + i % 9));
    known.labels[0].codes.push_back(static_cast<int32_t>(i % 4) - 1);
    known.numbers[0].values.push_back(static_cast<double>(i % 7));
  }
  return encode(known, fit_scaling(known, {0, 1, 2, 3}));
}

// Two dimensions; every third cell has no reference.
inline sailer::Reference cell_reference(int64_t n_cells) {
  sailer::Reference r;
  r.width = 2;
  for (int64_t i = 0; i < n_cells; ++i) {
    const bool present = i % 3 != 0;
    r.values.push_back(present ? static_cast<float>(100 + i) : 0);
    r.values.push_back(present ? static_cast<float>(200 + i) : 0);
    r.present.push_back(present ? 1 : 0);
    r.weight.push_back(1 / static_cast<float>(i + 1));
  }
  return r;
}

}  // namespace sailer_test
