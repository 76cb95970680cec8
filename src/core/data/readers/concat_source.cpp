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
  RowsGuard guard(out);
  for (const int64_t end = first + count; first < end;) {
    const size_t part = part_of(first);
    const int64_t stop = std::min(end, first_cells_[part + 1]);
    const int64_t from_row = out.n_rows();
    parts_[part].source->read(first - first_cells_[part], stop - first, out);
    map_features(parts_[part].map, from_row, out);
    first = stop;
  }
  guard.done();
}

size_t ConcatSource::part_of(int64_t cell) const {
  const auto after =
      std::upper_bound(first_cells_.begin(), first_cells_.end(), cell);
  return static_cast<size_t>(after - first_cells_.begin()) - 1;
}

int64_t ConcatSource::n_entries(int64_t first, int64_t count) const {
  int64_t n = 0;
  for (const int64_t end = first + count; first < end;) {
    const size_t part = part_of(first);
    const int64_t stop = std::min(end, first_cells_[part + 1]);
    n += parts_[part].source->n_entries(first - first_cells_[part],
                                        stop - first);
    first = stop;
  }
  return n;
}

CellSourcePtr ConcatSource::in_file_order(std::vector<int64_t>& order) const {
  std::vector<ConcatPart> parts = parts_;
  std::vector<int64_t> own;
  bool sorted = true;
  order.clear();
  for (size_t k = 0; k < parts.size(); ++k) {
    const CellSourcePtr part = parts_[k].source->in_file_order(own);
    for (int64_t cell = 0; cell < parts_[k].source->n_cells(); ++cell) {
      order.push_back(first_cells_[k] + (part == nullptr ? cell : own[cell]));
    }
    if (part == nullptr) continue;
    parts[k].source = part;
    sorted = false;
  }
  if (sorted) return nullptr;
  return std::make_shared<ConcatSource>(std::move(parts), n_features_);
}

std::string ConcatSource::describe() const {
  if (parts_.size() == 1) return parts_[0].source->describe();
  return std::to_string(parts_.size()) + " sets of cells";
}

}  // namespace sailer
