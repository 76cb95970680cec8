#include "dense_hdf5_source.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "../../support/error.h"
#include "block.h"
#include "whole_count.h"

namespace sailer {
namespace {

// Values held at once, beside the cells that were asked for.
constexpr int64_t kTileValues = int64_t{1} << 22;
// Cells of a block where the file has no chunks.
constexpr int64_t kNeighbours = 64;

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
    throw Error(ErrorKind::kFile,
                "The " + dataset_.describe() + " is no matrix of numbers.");
  }
  n_cells_ = shape[0];
  n_features_ = shape[1];
  if (n_features_ > std::numeric_limits<int32_t>::max()) {
    throw Error(ErrorKind::kFile,
                "The " + dataset_.describe() + " has " +
                    std::to_string(n_features_) +
                    " features, more than there can be (2^31 - 1).");
  }
  const std::vector<int64_t> chunk = dataset_.chunk_shape();
  block_cells_ = chunk.empty() ? kNeighbours : chunk[0];
  const int64_t width = chunk.empty() ? n_features_ : chunk[1];
  block_features_ = multiple_within(
      std::max<int64_t>(1, width),
      kTileValues / std::max<int64_t>(1, block_cells_), n_features_);
  count_entries();
}

// visit(cell, feature, value) for all that is not zero, NaN included, tile by
// tile; within a cell features rise.
template <typename Visit>
void DenseHdf5Source::visit(int64_t first, int64_t count,
                            const Visit& visit) const {
  std::vector<float> tile;
  for (int64_t cell = first; cell < first + count;) {
    // To the end of a row of chunks, so that none is unpacked twice.
    const int64_t end =
        std::min(first + count, (cell / block_cells_ + 1) * block_cells_);
    for (int64_t f = 0; f < n_features_; f += block_features_) {
      const int64_t width = std::min(block_features_, n_features_ - f);
      tile.resize(static_cast<size_t>((end - cell) * width));
      dataset_.read_tile({cell, f}, {end - cell, width}, tile.data());
      for (int64_t i = 0; i < end - cell; ++i) {
        const float* row = tile.data() + i * width;
        for (int64_t k = 0; k < width; ++k) {
          if (row[k] != 0) visit(cell + i, f + k, row[k]);
        }
      }
    }
    cell = end;
  }
}

void DenseHdf5Source::count_entries() {
  offsets_.assign(static_cast<size_t>(n_cells_) + 1, 0);
  visit(0, n_cells_,
        [&](int64_t cell, int64_t, float) { ++offsets_[cell + 1]; });
  for (int64_t cell = 0; cell < n_cells_; ++cell) {
    offsets_[cell + 1] += offsets_[cell];
  }
}

void DenseHdf5Source::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  RowsGuard<SparseRows> guard(out);
  const auto begin = static_cast<int64_t>(out.indices.size());
  const int64_t n = n_entries(first, count);
  out.indices.resize(static_cast<size_t>(begin + n));
  out.values.resize(static_cast<size_t>(begin + n));
  // Tiles come across the cells: each entry has its place from the start.
  std::vector<int64_t> next(offsets_.begin() + first,
                            offsets_.begin() + first + count + 1);
  visit(first, count, [&](int64_t cell, int64_t feature, float value) {
    int64_t& at = next[cell - first];
    if (at >= offsets_[cell + 1]) throw_changed();
    out.indices[begin + at - offsets_[first]] = static_cast<int32_t>(feature);
    out.values[begin + at - offsets_[first]] = whole_count(value);
    ++at;
  });
  for (int64_t cell = first; cell < first + count; ++cell) {
    if (next[cell - first] != offsets_[cell + 1]) throw_changed();
    out.offsets.push_back(begin + offsets_[cell + 1] - offsets_[first]);
  }
  guard.keep();
}

void DenseHdf5Source::throw_changed() const {
  throw Error(ErrorKind::kFile,
              "The " + dataset_.describe() +
                  " has changed since it was opened. Open it again.");
}

// Cells of one row of chunks are read together, those between them too.
void DenseHdf5Source::read_open(const int64_t* cells, int64_t n,
                                OpenRows& out) {
  RowsGuard<OpenRows> guard(out);
  SparseRows run;
  for (int64_t k = 0; k < n;) {
    const int64_t block = cells[k] / block_cells_;
    int64_t end = k + 1;
    while (end < n && cells[end] > cells[end - 1] &&
           cells[end] / block_cells_ == block) {
      ++end;
    }
    run.clear();
    read(cells[k], cells[end - 1] - cells[k] + 1, run);
    for (int64_t c = k; c < end; ++c) {
      append_open(run, cells[c] - cells[k], out);
    }
    k = end;
  }
  guard.keep();
}

std::vector<int32_t> DenseHdf5Source::blocks() const {
  std::vector<int32_t> blocks(static_cast<size_t>(n_cells_));
  for (int64_t cell = 0; cell < n_cells_; ++cell) {
    blocks[cell] = static_cast<int32_t>(cell / block_cells_);
  }
  return blocks;
}

}  // namespace sailer
