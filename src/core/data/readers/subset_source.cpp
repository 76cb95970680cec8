#include "subset_source.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "block.h"
#include "gather.h"

namespace sailer {

SubsetSource::SubsetSource(CellSourcePtr base, Subset subset)
    : base_(std::move(base)), subset_(std::move(subset)) {
  merges_ =
      check_feature_map(subset_.map, base_->n_features(), subset_.n_features,
                        base_->describe(), Several::kMerged);
  if (subset_.all_cells) return;
  for (int64_t cell : subset_.cells) check_block(*base_, cell, 1);
}

int64_t SubsetSource::n_cells() const {
  return subset_.all_cells ? base_->n_cells()
                           : static_cast<int64_t>(subset_.cells.size());
}

void SubsetSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  const int64_t rows_before = out.n_rows();
  try {
    if (subset_.all_cells) {
      base_->read(first, count, out);
    } else {
      const auto begin = subset_.cells.begin() + first;
      gather(*base_, std::vector<int64_t>(begin, begin + count), out);
    }
  } catch (...) {
    truncate_rows(out, rows_before);
    throw;
  }
  map_features(subset_.map, rows_before, out);
  if (merges_) merge_features(rows_before, out);
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
    order.resize(place.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return place[a] < place[b]; });
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
