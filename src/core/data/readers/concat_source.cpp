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

size_t ConcatSource::part_of(int64_t cell) const {
  const auto after =
      std::upper_bound(first_cells_.begin(), first_cells_.end(), cell);
  return static_cast<size_t>(after - first_cells_.begin()) - 1;
}

void ConcatSource::read_open(const int64_t* cells, int64_t n, OpenRows& out) {
  RowsGuard<OpenRows> guard(out);
  for (int64_t k = 0; k < n; ++k) check_block(*this, cells[k], 1);
  std::vector<int64_t> own;
  for (int64_t k = 0; k < n;) {
    const size_t part = part_of(cells[k]);
    own.clear();
    while (k < n && part_of(cells[k]) == part) {
      own.push_back(cells[k++] - first_cells_[part]);
    }
    const int64_t from_row = out.n_rows();
    parts_[part].source->read_open(own.data(), static_cast<int64_t>(own.size()),
                                   out);
    map_features(parts_[part].map, from_row, out);
  }
  guard.keep();
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

// Parts in memory become blocks of neighbours too, when another is a file.
std::vector<int32_t> ConcatSource::blocks() const {
  if (random_access()) return {};
  constexpr int64_t kNeighbours = 64;
  std::vector<int32_t> blocks;
  int32_t next = 0;
  for (const ConcatPart& part : parts_) {
    const std::vector<int32_t> own = part.source->blocks();
    const int32_t first = next;
    for (int64_t cell = 0; cell < part.source->n_cells(); ++cell) {
      const auto block = own.empty() ? static_cast<int32_t>(cell / kNeighbours)
                                     : own[static_cast<size_t>(cell)];
      blocks.push_back(first + block);
      next = std::max(next, first + block + 1);
    }
  }
  return blocks;
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
