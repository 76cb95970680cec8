#include "hdf5_rows.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "block.h"
#include "count_check.h"

namespace sailer {

using hdf5::ValueType;

namespace {

void check_shape(const hdf5::File& file, const std::string& group,
                 int64_t n_cells, int64_t n_features) {
  if (n_cells < 0 || n_features < 0 ||
      n_features > std::numeric_limits<int32_t>::max()) {
    throw_error(ErrorKind::kFile, "The shape of '", group, "' in '",
                file.path(), "' is ", n_features, " features x ", n_cells,
                " cells, which cannot be; the file is damaged.");
  }
}

void check_indptr(const std::vector<int64_t>& indptr,
                  const hdf5::Dataset& dataset) {
  if (indptr.front() != 0) {
    throw_error(ErrorKind::kFile, "The ", dataset.describe(),
                " must start at 0, but starts at ", indptr.front(),
                "; the file is damaged.");
  }
  const auto fall =
      std::adjacent_find(indptr.begin(), indptr.end(), std::greater<int64_t>());
  if (fall != indptr.end()) {
    throw_error(ErrorKind::kFile, "The ", dataset.describe(),
                " must never fall, but falls after cell ",
                fall - indptr.begin() + 1, "; the file is damaged.");
  }
}

std::vector<int64_t> read_indptr(const hdf5::File& file,
                                 const std::string& group, int64_t n_cells,
                                 int64_t n_features) {
  check_shape(file, group, n_cells, n_features);
  const hdf5::Dataset dataset = file.dataset(group + "/indptr");
  dataset.expect(n_cells + 1, ValueType::kInteger);
  std::vector<int64_t> indptr = dataset.integers();
  check_indptr(indptr, dataset);
  return indptr;
}

}  // namespace

Hdf5Rows::Hdf5Rows(const hdf5::File& file, const std::string& group,
                   int64_t n_cells, int64_t n_features, std::string description)
    : n_features_(n_features),
      description_(std::move(description)),
      indices_(file.dataset(group + "/indices")),
      data_(file.dataset(group + "/data")),
      indptr_(read_indptr(file, group, n_cells, n_features)) {
  indices_.expect(indptr_.back(), ValueType::kInteger);
  data_.expect(indptr_.back(), ValueType::kFloat);
}

// `entry`: where in the file the n indices stand.
void Hdf5Rows::check_indices(int64_t entry, const int32_t* indices,
                             int64_t n) const {
  const auto limit = static_cast<uint32_t>(n_features_);
  bool bad = false;
  for (int64_t k = 0; k < n; ++k) {
    bad |= static_cast<uint32_t>(indices[k]) >= limit;
  }
  if (!bad) return;
  const int32_t* found = std::find_if(indices, indices + n, [&](int32_t index) {
    return static_cast<uint32_t>(index) >= limit;
  });
  const auto next = std::upper_bound(indptr_.begin(), indptr_.end(),
                                     entry + (found - indices));
  throw_error(ErrorKind::kFile, "The ", indices_.describe(), " names feature ",
              *found, " in cell ", next - indptr_.begin(), ", but there are ",
              n_features_, " features (counted from 0); the file is damaged.");
}

void Hdf5Rows::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  RowsGuard guard(out);
  const auto from = n_of(out.indices);
  const int64_t begin = indptr_[first];
  const int64_t n = indptr_[first + count] - begin;
  out.indices.resize(from + n);
  out.values.resize(out.indices.size());
  indices_.read({begin}, {n}, out.indices.data() + from);
  check_indices(begin, out.indices.data() + from, n);
  data_.read({begin}, {n}, out.values.data() + from);
  std::transform(out.values.begin() + from, out.values.end(),
                 out.values.begin() + from, whole_count);
  for (int64_t cell = first; cell < first + count; ++cell) {
    out.offsets.push_back(from + indptr_[cell + 1] - begin);
  }
  guard.done();
}

}  // namespace sailer
