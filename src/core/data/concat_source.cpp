#include "concat_source.h"

#include <algorithm>

#include "block.h"

namespace sailer {

ConcatSource::ConcatSource(std::vector<ConcatPart> parts, int64_t n_features)
    : parts_(std::move(parts)), first_cells_{0}, n_features_(n_features) {
  for (const ConcatPart& part : parts_) {
    check_feature_map(part.map, part.source->n_features(), n_features_,
                      part.source->describe());
    first_cells_.push_back(first_cells_.back() + part.source->n_cells());
  }
}

void ConcatSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  const int64_t rows_before = out.n_rows();
  const int64_t end = first + count;
  try {
    for (size_t k = 0; k < parts_.size() && first < end; ++k) {
      if (first >= first_cells_[k + 1]) continue;
      const int64_t stop = std::min(end, first_cells_[k + 1]);
      const int64_t from_row = out.n_rows();
      parts_[k].source->read(first - first_cells_[k], stop - first, out);
      map_features(parts_[k].map, from_row, out);
      first = stop;
    }
  } catch (...) {
    truncate_rows(out, rows_before);
    throw;
  }
}

bool ConcatSource::random_access() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const ConcatPart& part) {
    return part.source->random_access();
  });
}

std::string ConcatSource::describe() const {
  if (parts_.size() == 1) return parts_[0].source->describe();
  return std::to_string(parts_.size()) + " sets of cells";
}

}  // namespace sailer
