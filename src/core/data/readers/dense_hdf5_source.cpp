#include "dense_hdf5_source.h"

#include <algorithm>
#include <limits>

#include "../../support/error.h"
#include "block.h"
#include "count_check.h"

namespace sailer {
namespace {

// Values held at once, beside the cells that were asked for.
constexpr int64_t kTileValues = int64_t{1} << 22;
// Cells read together where the file has no chunks.
constexpr int64_t kNeighbours = 64;
// Entries of the cells that are to be read at once, and the least share of
// features that they are taken to be of.
constexpr int64_t kBlockEntries = int64_t{1} << 20;
constexpr int64_t kLeastShare = 100;

int64_t multiple_within(int64_t chunk, int64_t most, int64_t size) {
  return std::min(size, std::max(chunk, most / chunk * chunk));
}

}  // namespace

DenseHdf5Source::DenseHdf5Source(const hdf5::File& file,
                                 const std::string& dataset,
                                 std::string description)
    : dataset_(file.dataset(dataset)), description_(std::move(description)) {
  const std::vector<int64_t>& shape = dataset_.shape();
  if (shape.size() != 2 || !dataset_.holds_numbers()) {
    throw_error(ErrorKind::kFile, "The ", dataset_.describe(),
                " is no matrix of numbers.");
  }
  if (shape[1] > std::numeric_limits<int32_t>::max()) {
    throw_error(ErrorKind::kFile, "The ", dataset_.describe(), " has ",
                shape[1], " features, more than sailer reads (2,147,483,647).");
  }
  n_cells_ = shape[0];
  n_features_ = shape[1];
  const std::vector<int64_t> chunk = dataset_.chunk_shape();
  block_cells_ = chunk.empty() ? kNeighbours : chunk[0];
  const int64_t width = chunk.empty() ? n_features_ : chunk[1];
  block_features_ = multiple_within(
      std::max<int64_t>(1, width),
      kTileValues / std::max<int64_t>(1, block_cells_), n_features_);
}

int64_t DenseHdf5Source::n_entries(int64_t, int64_t count) const {
  return count * std::min(n_features_, std::max(kBlockEntries / block_cells_,
                                                n_features_ / kLeastShare));
}

// Tile by tile, to the end of a row of chunks, so that none is unpacked twice:
// they come across the cells, and each cell collects its own.
void DenseHdf5Source::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  RowsGuard guard(out);
  std::vector<SparseRows> cells(count);
  std::vector<float> tile;
  for (int64_t cell = first; cell < first + count;) {
    const int64_t end =
        std::min(first + count, (cell / block_cells_ + 1) * block_cells_);
    for (int64_t f = 0; f < n_features_; f += block_features_) {
      const int64_t width = std::min(block_features_, n_features_ - f);
      tile.resize((end - cell) * width);
      dataset_.read({cell, f}, {end - cell, width}, tile.data());
      for (size_t k = 0; k < tile.size(); ++k) {
        if (tile[k] == 0) continue;  // NaN is none
        const auto at = static_cast<int64_t>(k);
        SparseRows& own = cells[cell - first + at / width];
        own.indices.push_back(static_cast<int32_t>(f + at % width));
        own.values.push_back(whole_count(tile[k]));
      }
    }
    cell = end;
  }
  for (SparseRows& cell : cells) {
    cell.offsets.push_back(n_of(cell.indices));
    append_row(cell, 0, out);
  }
  guard.done();
}

}  // namespace sailer
