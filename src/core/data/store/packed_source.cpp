#include "packed_source.h"

#include <algorithm>
#include <utility>

#include "../readers/block.h"
#include "../readers/whole_count.h"

namespace sailer {

namespace {

// Room for `n` more, in steps that keep the copying small.
template <typename Number>
void make_room(std::vector<Number>& numbers, size_t n) {
  const size_t needed = numbers.size() + n;
  if (needed > numbers.capacity()) {
    numbers.reserve(std::max(needed, 2 * numbers.capacity()));
  }
}

template <typename Number>
int64_t bytes_of(const std::vector<Number>& numbers) {
  return static_cast<int64_t>(numbers.size() * sizeof(Number));
}

// Moves the numbers into the file, if there they can be kept.
template <typename Number>
const Number* spill(std::vector<Number>& numbers, SpillFile& file) {
  const auto* place =
      static_cast<const Number*>(file.keep(numbers.data(), bytes_of(numbers)));
  if (place != nullptr) std::vector<Number>().swap(numbers);
  return place;
}

}  // namespace

PackedSource::PackedSource(int64_t n_features, std::string description,
                           Packing packing, PackedMemory memory)
    : n_features_(n_features),
      description_(std::move(description)),
      packing_(packing),
      memory_(std::move(memory)),
      file_(memory_.folder),
      checker_(n_features, packing == Packing::kCounts ? Fractions::kAllowed
                                                       : Fractions::kRefused) {}

CountProblem PackedSource::append(SparseRows rows) {
  if (rows.offsets.back() != static_cast<int64_t>(rows.indices.size()) ||
      rows.values.size() != rows.indices.size()) {
    throw Error(ErrorKind::kArgument,
                "A block of " + description_ +
                    " is broken: its offsets, indices and values disagree.");
  }
  for (int32_t feature : rows.indices) {
    if (feature < 0 || feature >= n_features_) {
      throw Error(ErrorKind::kData,
                  "A block of " + description_ + " holds feature " +
                      std::to_string(int64_t{feature} + 1) +
                      ", but there are " + std::to_string(n_features_) +
                      " features.");
    }
  }
  std::transform(rows.values.begin(), rows.values.end(), rows.values.begin(),
                 whole_count);
  if (CountProblem problem = checker_.check(rows, n_cells_)) return problem;
  if (rows.n_rows() == 0) return {};
  if (blocks_.empty() ||
      blocks_.back().offsets.back() >= memory_.block_entries) {
    if (!blocks_.empty()) finish(blocks_.back());
    blocks_.emplace_back();
    blocks_.back().first_cell = n_cells_;
  }
  Block& block = blocks_.back();
  const int64_t before = block.offsets.back();
  // All that could fail for want of memory comes before anything is added.
  make_room(block.offsets, rows.offsets.size());
  make_room(block.indices, rows.indices.size());
  if (packing_ == Packing::kCounts) make_room(block.values, rows.values.size());
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
      if (!(rows.values[at] > 0)) continue;
      block.indices.push_back(rows.indices[at]);
      if (packing_ == Packing::kCounts) block.values.push_back(rows.values[at]);
    }
    block.offsets.push_back(static_cast<int64_t>(block.indices.size()));
  }
  n_cells_ += rows.n_rows();
  n_entries_ += block.offsets.back() - before;
  return {};
}

void PackedSource::finish(Block& block) {
  const int64_t bytes = bytes_of(block.indices) + bytes_of(block.values);
  if (!memory_.folder.empty() && finished_bytes_ + bytes > memory_.bytes) {
    block.filed_indices = spill(block.indices, file_);
    block.filed_values = spill(block.values, file_);
  }
  block.indices.shrink_to_fit();
  block.values.shrink_to_fit();
  finished_bytes_ += bytes_of(block.indices) + bytes_of(block.values);
}

int64_t PackedSource::bytes_in_memory() const {
  int64_t bytes = 0;
  for (const Block& block : blocks_) {
    bytes += bytes_of(block.indices) + bytes_of(block.values);
  }
  return bytes;
}

const PackedSource::Block& PackedSource::block_of(int64_t cell) const {
  auto after = std::upper_bound(
      blocks_.begin(), blocks_.end(), cell,
      [](int64_t c, const Block& block) { return c < block.first_cell; });
  return *(after - 1);
}

void PackedSource::read_open(const int64_t* cells, int64_t n, OpenRows& out) {
  RowsGuard<OpenRows> guard(out);
  for (int64_t k = 0; k < n; ++k) {
    check_block(*this, cells[k], 1);
    const Block& block = block_of(cells[k]);
    const int64_t row = cells[k] - block.first_cell;
    out.features.insert(out.features.end(),
                        block.features() + block.offsets[row],
                        block.features() + block.offsets[row + 1]);
    out.offsets.push_back(static_cast<int64_t>(out.features.size()));
  }
  guard.keep();
}

int64_t PackedSource::n_entries(int64_t first, int64_t count) const {
  int64_t n = 0;
  for (const int64_t end = first + count; first < end;) {
    const Block& block = block_of(first);
    const int64_t to = std::min(block.n_rows(), end - block.first_cell);
    n += block.offsets[to] - block.offsets[first - block.first_cell];
    first = block.first_cell + to;
  }
  return n;
}

void PackedSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  const int64_t end = first + count;
  while (first < end) {
    const Block& block = block_of(first);
    const int64_t from = first - block.first_cell;
    const int64_t to = std::min(block.n_rows(), end - block.first_cell);
    const int64_t base =
        static_cast<int64_t>(out.indices.size()) - block.offsets[from];
    out.indices.insert(out.indices.end(),
                       block.features() + block.offsets[from],
                       block.features() + block.offsets[to]);
    if (packing_ == Packing::kCounts) {
      out.values.insert(out.values.end(), block.counts() + block.offsets[from],
                        block.counts() + block.offsets[to]);
    }
    for (int64_t row = from; row < to; ++row) {
      out.offsets.push_back(base + block.offsets[row + 1]);
    }
    first += to - from;
  }
  out.values.resize(out.indices.size(), 1.0f);
}

}  // namespace sailer
