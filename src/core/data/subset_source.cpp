#include "subset_source.h"

#include "block.h"
#include "gather.h"

namespace sailer {

SubsetSource::SubsetSource(CellSourcePtr base, Subset subset)
    : base_(std::move(base)), subset_(std::move(subset)) {
  check_feature_map(subset_.map, base_->n_features(), subset_.n_features,
                    base_->describe());
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
}

}  // namespace sailer
