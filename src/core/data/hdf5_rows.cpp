#include "hdf5_rows.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "block.h"

namespace sailer {

using hdf5::ValueType;

Hdf5Rows::Hdf5Rows(const hdf5::File& file, const std::string& group,
                   int64_t n_cells, int64_t n_features, std::string description)
    : n_features_(n_features),
      description_(std::move(description)),
      indices_(file.dataset(group + "/indices")),
      data_(file.dataset(group + "/data")) {
  if (n_cells < 0 || n_features < 0 ||
      n_features > std::numeric_limits<int32_t>::max()) {
    throw Error(ErrorKind::kFile,
                "The shape of '" + group + "' in '" + file.path() + "' is " +
                    std::to_string(n_features) + " features x " +
                    std::to_string(n_cells) +
                    " cells, which cannot be; the file is damaged.");
  }
  const hdf5::Dataset indptr = file.dataset(group + "/indptr");
  indptr.expect(n_cells + 1, ValueType::kInteger);
  indptr_ = indptr.integers();
  check_indptr(indptr);
  indices_.expect(indptr_.back(), ValueType::kInteger);
  data_.expect(indptr_.back(), ValueType::kFloat);
}

void Hdf5Rows::check_indptr(const hdf5::Dataset& dataset) const {
  if (indptr_.front() != 0) {
    throw Error(ErrorKind::kFile, "The " + dataset.describe() +
                                      " must start at 0, but starts at " +
                                      std::to_string(indptr_.front()) +
                                      "; the file is damaged.");
  }
  const auto fall = std::adjacent_find(indptr_.begin(), indptr_.end(),
                                       std::greater<int64_t>());
  if (fall != indptr_.end()) {
    throw Error(ErrorKind::kFile,
                "The " + dataset.describe() + " must never fall, but falls " +
                    "after cell " + std::to_string(fall - indptr_.begin() + 1) +
                    "; the file is damaged.");
  }
}

void Hdf5Rows::check_indices(int64_t first, const std::vector<int32_t>& indices,
                             size_t from) const {
  for (size_t at = from; at < indices.size(); ++at) {
    if (indices[at] >= 0 && indices[at] < n_features_) continue;
    const int64_t entry = indptr_[first] + static_cast<int64_t>(at - from);
    const auto next =
        std::upper_bound(indptr_.begin() + first, indptr_.end(), entry);
    throw Error(ErrorKind::kFile,
                "The " + indices_.describe() + " names feature " +
                    std::to_string(indices[at]) + " in cell " +
                    std::to_string(next - indptr_.begin()) +
                    ", but there are " + std::to_string(n_features_) +
                    " features (counted from 0); the file is damaged.");
  }
}

void Hdf5Rows::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  const int64_t rows_before = out.n_rows();
  const auto from = out.indices.size();
  const int64_t begin = indptr_[first];
  const int64_t n_entries = indptr_[first + count] - begin;
  try {
    out.indices.resize(from + static_cast<size_t>(n_entries));
    out.values.resize(out.indices.size());
    indices_.read(begin, n_entries, out.indices.data() + from);
    data_.read(begin, n_entries, out.values.data() + from);
    check_indices(first, out.indices, from);
  } catch (...) {
    truncate_rows(out, rows_before);
    throw;
  }
  const int64_t base = static_cast<int64_t>(from) - begin;
  for (int64_t cell = first; cell < first + count; ++cell) {
    out.offsets.push_back(base + indptr_[cell + 1]);
  }
}

}  // namespace sailer
