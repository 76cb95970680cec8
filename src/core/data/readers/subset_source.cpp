#include "subset_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "block.h"

namespace sailer {

namespace {

constexpr int64_t kMaxGap = 8;        // cells read through rather than skipped
constexpr int64_t kMaxRun = 1 << 12;  // cells held beside the output

// Places of the values in rising order, of equal ones in theirs.
std::vector<int64_t> order_of(const std::vector<int64_t>& values) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return values[a] < values[b]; });
  return order;
}

}  // namespace

void read_cells(CellSource& source, const std::vector<int64_t>& cells,
                SparseRows& out) {
  for (int64_t cell : cells) check_block(source, cell, 1);
  if (cells.empty()) return;
  const auto breaks = [](int64_t a, int64_t b) { return b != a + 1; };
  if (std::adjacent_find(cells.begin(), cells.end(), breaks) == cells.end()) {
    source.read(cells.front(), n_of(cells), out);
    return;
  }
  const std::vector<int64_t> order = order_of(cells);
  SparseRows sorted, run;  // row k of `sorted` is cells[order[k]]
  std::vector<int64_t> place(cells.size());
  for (size_t k = 0; k < order.size();) {
    const int64_t first = cells[order[k]];
    size_t end = k + 1;
    while (end < order.size() &&
           cells[order[end]] - cells[order[end - 1]] <= kMaxGap &&
           cells[order[end]] - first < kMaxRun) {
      ++end;
    }
    run.clear();
    source.read(first, cells[order[end - 1]] - first + 1, run);
    for (; k < end; ++k) {
      place[order[k]] = sorted.n_rows();
      append_row(run, cells[order[k]] - first, sorted);
    }
  }
  for (int64_t row : place) append_row(sorted, row, out);
}

SubsetSource::SubsetSource(CellSourcePtr base, Subset subset)
    : base_(std::move(base)), subset_(std::move(subset)) {
  merges_ =
      check_feature_map(subset_.map, base_->n_features(), subset_.n_features,
                        base_->describe(), Several::kMerged);
  if (subset_.all_cells) return;
  for (int64_t cell : subset_.cells) check_block(*base_, cell, 1);
}

int64_t SubsetSource::n_cells() const {
  return subset_.all_cells ? base_->n_cells() : n_of(subset_.cells);
}

void SubsetSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  const int64_t from = out.n_rows();
  RowsGuard guard(out);
  if (subset_.all_cells) {
    base_->read(first, count, out);
  } else {
    const auto begin = subset_.cells.begin() + first;
    read_cells(*base_, {begin, begin + count}, out);
  }
  map_features(subset_.map, from, out);
  if (merges_) merge_features(from, out);
  guard.done();
}

int64_t SubsetSource::n_entries(int64_t first, int64_t count) const {
  if (subset_.all_cells) return base_->n_entries(first, count);
  int64_t n = 0;
  for (int64_t k = first; k < first + count; ++k) {
    n += base_->n_entries(subset_.cells[k], 1);
  }
  return n;
}

CellSourcePtr SubsetSource::in_file_order(std::vector<int64_t>& order) const {
  std::vector<int64_t> of_base;
  const CellSourcePtr base = base_->in_file_order(of_base);
  Subset sorted = subset_;
  if (subset_.all_cells) {
    order = std::move(of_base);
  } else {
    // Where in the file, or in what is in its order, each cell is.
    std::vector<int64_t> place = subset_.cells;
    if (base != nullptr) {
      std::vector<int64_t> in_base(of_base.size());
      for (size_t k = 0; k < of_base.size(); ++k) {
        in_base[of_base[k]] = static_cast<int64_t>(k);
      }
      for (int64_t& cell : place) cell = in_base[cell];
    }
    order = order_of(place);
    if (base == nullptr && std::is_sorted(order.begin(), order.end())) {
      order.clear();
      return nullptr;
    }
    for (size_t k = 0; k < order.size(); ++k) {
      sorted.cells[k] = place[order[k]];
    }
  }
  if (base == nullptr && subset_.all_cells) return nullptr;
  return std::make_shared<SubsetSource>(base == nullptr ? base_ : base,
                                        std::move(sorted));
}

}  // namespace sailer
