#include "hdf5_sources.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "../../support/error.h"
#include "count_check.h"

namespace sailer {

namespace {

using hdf5::Dataset;
using hdf5::ValueType;

constexpr int64_t kMostFeatures = std::numeric_limits<int32_t>::max();

std::vector<int64_t> read_indptr(const Dataset& dataset, int64_t n_cells) {
  dataset.expect(n_cells + 1, ValueType::kInteger);
  std::vector<int64_t> indptr = dataset.integers();
  dataset.check(indptr.front() == 0, " must start at 0, but starts at ",
                indptr.front(), "; the file is damaged");
  const auto fall =
      std::adjacent_find(indptr.begin(), indptr.end(), std::greater<int64_t>());
  dataset.check(fall == indptr.end(),
                " must not decrease, but decreases after cell ",
                fall - indptr.begin() + 1, "; the file is damaged");
  return indptr;
}

class SparseHdf5Source final : public CellSource {
 public:
  SparseHdf5Source(const hdf5::File& file, const std::string& group,
                   int64_t n_cells, int64_t n_features, std::string description)
      : n_features_(n_features),
        description_(std::move(description)),
        indices_(file.dataset(group + "/indices")),
        data_(file.dataset(group + "/data")) {
    if (n_cells < 0 || n_features < 0 || n_features > kMostFeatures) {
      throw_error(ErrorKind::kFile, "The shape of '", group, "' in '",
                  file.path(), "' is ", n_features, " features x ", n_cells,
                  " cells, which is impossible; the file is damaged.");
    }
    indptr_ = read_indptr(file.dataset(group + "/indptr"), n_cells);
    indices_.expect(indptr_.back(), ValueType::kInteger);
    data_.expect(indptr_.back(), ValueType::kFloat);
  }

  int64_t n_cells() const override { return n_of(indptr_) - 1; }
  int64_t n_features() const override { return n_features_; }
  int64_t n_entries(int64_t first, int64_t count) const override {
    return indptr_[first + count] - indptr_[first];
  }
  std::string describe() const override { return description_; }

 private:
  void append(int64_t first, int64_t count, SparseRows& out) override {
    const int64_t from = n_of(out.indices), begin = indptr_[first];
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
  }

  // `entry`: position in the file of the first of the n indices.
  void check_indices(int64_t entry, const int32_t* indices, int64_t n) const {
    const auto limit = static_cast<uint32_t>(n_features_);
    bool bad = false;
    for (int64_t k = 0; k < n; ++k) {
      bad |= static_cast<uint32_t>(indices[k]) >= limit;
    }
    if (!bad) return;
    const int32_t* found = indices;
    while (static_cast<uint32_t>(*found) < limit) ++found;
    const auto next = std::upper_bound(indptr_.begin(), indptr_.end(),
                                       entry + (found - indices));
    indices_.check(false, " names feature ", *found, " in cell ",
                   next - indptr_.begin(), ", but there are ", n_features_,
                   " features (counted from 0); the file is damaged");
  }

  int64_t n_features_;
  std::string description_;
  Dataset indices_, data_;
  std::vector<int64_t> indptr_;
};

// Values held at once, besides the requested cells.
constexpr int64_t kTileValues = int64_t{1} << 22;
// Cells read together if the dataset is not chunked.
constexpr int64_t kNeighbours = 64;
// About how many entries callers read at once. A cell is assumed to have an
// entry for at least one in `kLeastShare` features.
constexpr int64_t kBlockEntries = int64_t{1} << 20;
constexpr int64_t kLeastShare = 100;

class DenseHdf5Source final : public CellSource {
 public:
  DenseHdf5Source(const hdf5::File& file, const std::string& dataset,
                  std::string description)
      : dataset_(file.dataset(dataset)), description_(std::move(description)) {
    const std::vector<int64_t>& shape = dataset_.shape();
    dataset_.check(shape.size() == 2 && dataset_.holds_numbers(),
                   " is not a numeric matrix");
    dataset_.check(shape[1] <= kMostFeatures, " has ", shape[1],
                   " features, more than sailer reads (2,147,483,647)");
    std::vector<int64_t> chunk = dataset_.chunk_shape();
    if (chunk.empty()) chunk = {kNeighbours, std::max<int64_t>(1, shape[1])};
    block_cells_ = chunk[0];
    const int64_t wanted = kTileValues / block_cells_ / chunk[1] * chunk[1];
    block_features_ = std::min(shape[1], std::max(chunk[1], wanted));
  }

  int64_t n_cells() const override { return dataset_.shape()[0]; }
  int64_t n_features() const override { return dataset_.shape()[1]; }
  // An estimate that does not depend on the data: it makes callers read about
  // one row of chunks at once, or part of one.
  int64_t n_entries(int64_t, int64_t count) const override {
    return count * std::min(n_features(), std::max(kBlockEntries / block_cells_,
                                                   n_features() / kLeastShare));
  }
  std::string describe() const override { return description_; }

 private:
  // Reads tile by tile to the end of a row of chunks, so that no chunk is
  // decompressed twice. A tile spans several cells; each collects its entries.
  void append(int64_t first, int64_t count, SparseRows& out) override {
    std::vector<SparseRows> cells(count);
    std::vector<float> tile;
    for (int64_t cell = first; cell < first + count;) {
      const int64_t end =
          std::min(first + count, (cell / block_cells_ + 1) * block_cells_);
      for (int64_t f = 0; f < n_features(); f += block_features_) {
        const int64_t width = std::min(block_features_, n_features() - f);
        tile.resize((end - cell) * width);
        dataset_.read({cell, f}, {end - cell, width}, tile.data());
        for (int64_t k = 0; k < n_of(tile); ++k) {
          if (tile[k] == 0) continue;  // keeps NaN
          SparseRows& own = cells[cell - first + k / width];
          own.indices.push_back(static_cast<int32_t>(f + k % width));
          own.values.push_back(whole_count(tile[k]));
        }
      }
      cell = end;
    }
    for (SparseRows& cell : cells) {
      cell.offsets.push_back(n_of(cell.indices));
      append_row(cell, 0, out);
    }
  }

  Dataset dataset_;
  std::string description_;
  int64_t block_cells_ = 1;     // cells of one row of chunks
  int64_t block_features_ = 1;  // features of a tile, in whole chunks
};

}  // namespace

CellSourcePtr sparse_hdf5_source(const hdf5::File& file,
                                 const std::string& group, int64_t n_cells,
                                 int64_t n_features, std::string description) {
  return std::make_shared<SparseHdf5Source>(file, group, n_cells, n_features,
                                            std::move(description));
}

CellSourcePtr dense_hdf5_source(const hdf5::File& file,
                                const std::string& dataset,
                                std::string description) {
  return std::make_shared<DenseHdf5Source>(file, dataset,
                                           std::move(description));
}

}  // namespace sailer
