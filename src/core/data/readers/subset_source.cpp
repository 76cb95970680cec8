#include "subset_source.h"

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

void SubsetSource::read_open(const int64_t* cells, int64_t n, OpenRows& out) {
  for (int64_t k = 0; k < n; ++k) check_block(*this, cells[k], 1);
  const int64_t rows_before = out.n_rows();
  if (subset_.all_cells) {
    base_->read_open(cells, n, out);
  } else {
    std::vector<int64_t> chosen(static_cast<size_t>(n));
    for (int64_t k = 0; k < n; ++k) chosen[k] = subset_.cells[cells[k]];
    base_->read_open(chosen.data(), n, out);
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

std::vector<int32_t> SubsetSource::blocks() const {
  std::vector<int32_t> base = base_->blocks();
  if (base.empty() || subset_.all_cells) return base;
  std::vector<int32_t> blocks;
  blocks.reserve(subset_.cells.size());
  for (int64_t cell : subset_.cells) blocks.push_back(base[cell]);
  return blocks;
}

}  // namespace sailer
