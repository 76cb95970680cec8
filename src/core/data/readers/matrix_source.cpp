#include "matrix_source.h"

#include <utility>

#include "block.h"
#include "count_check.h"

namespace sailer {

namespace {

void check_shape(const MatrixView& view, const std::string& description) {
  const std::string broken =
      description +
      " is broken: its slot 'p' must rise from 0 to the number of entries (" +
      std::to_string(view.n_entries) + ")";
  if (view.offsets[0] != 0 || view.offsets[view.n_cells] != view.n_entries) {
    throw_error(ErrorKind::kData, broken, ", but runs from ", view.offsets[0],
                " to ", view.offsets[view.n_cells], ".");
  }
  for (int64_t cell = 0; cell < view.n_cells; ++cell) {
    if (view.offsets[cell + 1] < view.offsets[cell]) {
      throw_error(ErrorKind::kData, broken, ", but falls at column ", cell + 1,
                  ".");
    }
  }
}

}  // namespace

MatrixSource::MatrixSource(MatrixView view, std::shared_ptr<const void> owner,
                           std::string description)
    : view_(view),
      owner_(std::move(owner)),
      description_(std::move(description)) {
  check_shape(view_, description_);
}

int64_t MatrixSource::n_entries(int64_t first, int64_t count) const {
  return int64_t{view_.offsets[first + count]} - view_.offsets[first];
}

void MatrixSource::check_indices(int64_t begin, int64_t end) const {
  for (int64_t at = begin; at < end; ++at) {
    if (view_.indices[at] < 0 || view_.indices[at] >= view_.n_features) {
      throw_error(ErrorKind::kData, description_, " is broken: entry ", at + 1,
                  " of its slot 'i' is ", view_.indices[at], ", but it has ",
                  view_.n_features, " rows (counted from 0).");
    }
  }
}

void MatrixSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  const int64_t begin = view_.offsets[first];
  const int64_t end = view_.offsets[first + count];
  check_indices(begin, end);
  const int64_t base = n_of(out.indices) - begin;
  out.indices.insert(out.indices.end(), view_.indices + begin,
                     view_.indices + end);
  if (view_.values == nullptr) {
    out.values.resize(out.indices.size(), 1.0f);
  } else {
    out.values.reserve(out.indices.size());
    for (int64_t at = begin; at < end; ++at) {
      out.values.push_back(whole_count(static_cast<float>(view_.values[at])));
    }
  }
  for (int64_t cell = first; cell < first + count; ++cell) {
    out.offsets.push_back(base + view_.offsets[cell + 1]);
  }
}

}  // namespace sailer
