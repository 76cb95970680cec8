#include "place_reader.h"

#include <algorithm>
#include <numeric>

#include "../../support/error.h"
#include "../feature_map.h"
#include "../readers/block.h"

namespace sailer {

namespace {

constexpr auto kPlaceBytes = static_cast<int64_t>(sizeof(int32_t));

// Cells read at once where no block says how many.
constexpr int64_t kCellsAtOnce = 256;

// A pool of cells that need no mixing is this part of another.
constexpr int64_t kAlongFileShare = 8;

int32_t lowest_bit(uint64_t word) {
#ifdef __GNUC__
  return __builtin_ctzll(word);
#else
  int32_t low = 0;
  while (((word >> low) & 1) == 0) ++low;
  return low;
#endif
}

}  // namespace

PlaceReader::PlaceReader(CellSourcePtr source, std::vector<int32_t> place_of,
                         const PoolLimits& limits)
    : source_(std::move(source)),
      place_of_(std::move(place_of)),
      limits_(limits),
      plan_(plan_blocks(*source_, limits)) {
  const auto last = std::max_element(place_of_.begin(), place_of_.end());
  const int64_t n_places = last == place_of_.end() ? 0 : int64_t{*last} + 1;
  bits_.assign(static_cast<size_t>(n_places / 64 + 1), 0);
}

void PlaceReader::start(const std::vector<int64_t>& cells, int64_t position) {
  order_ = &cells;
  position_ = position;
  pool_.first = pool_.last = next_.first = next_.last = position;
  pool_.done = next_.done = 0;
  along_file_ =
      !plan_.any_order() &&
      std::is_sorted(cells.begin(), cells.end(), [&](int64_t a, int64_t b) {
        return plan_.block_of[a] < plan_.block_of[b];
      });
}

void PlaceReader::release() {
  pool_ = next_ = Pool();
  held_ = OpenRows();
  order_ = nullptr;
}

// Places of a row in rising order. They come in order unless the model counts
// its peaks in another order than the source: then through a set of bits, which
// a cell's thousands of places fill and empty faster than they are sorted.
void PlaceReader::sort_row(int32_t* places, int64_t n) {
  if (std::is_sorted(places, places + n)) return;
  const auto n_words = static_cast<int64_t>(bits_.size());
  bool twice = n * 16 < n_words;  // hardly any: sorting is faster
  int64_t n_set = 0;
  while (n_set < n && !twice) {
    uint64_t& word = bits_[places[n_set] / 64];
    const uint64_t bit = uint64_t{1} << (places[n_set] % 64);
    twice = (word & bit) != 0;
    word |= bit;
    n_set += !twice;
  }
  if (twice) {
    for (int64_t k = 0; k < n_set; ++k) bits_[places[k] / 64] = 0;
    std::sort(places, places + n);
    return;
  }
  for (int64_t w = 0; w < n_words; ++w) {
    for (uint64_t word = bits_[w]; word != 0; word &= word - 1) {
      *places++ = static_cast<int32_t>(w * 64) + lowest_bit(word);
    }
    bits_[w] = 0;
  }
}

void PlaceReader::append(const int64_t* cells, int64_t n, OpenRows& out) {
  RowsGuard<OpenRows> guard(out);
  const int64_t from = out.n_rows();
  source_->read_open(cells, n, out);
  map_features(place_of_, from, out);
  for (int64_t row = from; row < out.n_rows(); ++row) {
    sort_row(out.features.data() + out.offsets[row],
             out.offsets[row + 1] - out.offsets[row]);
  }
  guard.keep();
}

// Pools end at the multiples of plan_.pool_size(). Where the order follows the
// file they are shorter and end with a block; and none is more than twice as
// large as planned, should cells in a row be deeper than most.
int64_t PlaceReader::end_of_pool(int64_t first) const {
  const auto n = static_cast<int64_t>(order_->size());
  const int64_t size = plan_.pool_size(n);
  const int64_t end = std::min(n, (first / size + 1) * size);
  const int64_t most =
      2 * std::max(limits_.bytes, limits_.most_bytes) / kPlaceBytes;
  const int64_t enough = limits_.bytes / kAlongFileShare / kPlaceBytes;
  int64_t n_entries = 0;
  for (int64_t at = first; at < end; ++at) {
    const int64_t cell = (*order_)[at];
    const bool new_block =
        at > first && plan_.block_of[cell] != plan_.block_of[(*order_)[at - 1]];
    if (along_file_ && new_block && n_entries >= enough) return at;
    n_entries += source_->n_entries(cell, 1);
    if (at > first && n_entries > most) return at;
  }
  return end;
}

void PlaceReader::open_pool(int64_t first, Pool& pool) const {
  pool.first = first;
  pool.last = end_of_pool(first);
  pool.done = 0;
  pool.rows.clear();
  int64_t n_entries = 0;
  for (int64_t at = first; at < pool.last; ++at) {
    n_entries += source_->n_entries((*order_)[at], 1);
  }
  pool.rows.features.reserve(static_cast<size_t>(n_entries));
  pool.by_block.resize(static_cast<size_t>(pool.last - first));
  std::iota(pool.by_block.begin(), pool.by_block.end(), first);
  std::sort(pool.by_block.begin(), pool.by_block.end(),
            [&](int64_t a, int64_t b) {
              const int64_t cell_a = (*order_)[a], cell_b = (*order_)[b];
              const int32_t block_a = plan_.block_of[cell_a];
              const int32_t block_b = plan_.block_of[cell_b];
              return block_a != block_b ? block_a < block_b : cell_a < cell_b;
            });
  pool.row_of.resize(pool.by_block.size());
  for (size_t k = 0; k < pool.by_block.size(); ++k) {
    pool.row_of[pool.by_block[k] - first] = static_cast<int32_t>(k);
  }
}

// Reads whole blocks until `until` cells of the pool are there.
bool PlaceReader::read_pool(Pool& pool, int64_t until,
                            const std::atomic<bool>& stop) {
  std::vector<int64_t> cells;
  while (pool.done < until) {
    if (stop) return false;
    cells.clear();
    const int32_t block = plan_.block_of[(*order_)[pool.by_block[pool.done]]];
    for (size_t k = pool.done; k < pool.by_block.size(); ++k) {
      const int64_t cell = (*order_)[pool.by_block[k]];
      if (plan_.block_of[cell] != block) break;
      cells.push_back(cell);
    }
    append(cells.data(), static_cast<int64_t>(cells.size()), pool.rows);
    pool.done += static_cast<int64_t>(cells.size());
  }
  const auto held = pool_.rows.features.size() + next_.rows.features.size();
  most_bytes_ = std::max(most_bytes_, static_cast<int64_t>(held) * kPlaceBytes);
  return true;
}

bool PlaceReader::read_pooled(int64_t n, OpenRows& out,
                              const std::atomic<bool>& stop) {
  for (; n > 0; --n, ++position_) {
    if (position_ == pool_.last) {
      if (next_.last <= position_) open_pool(position_, next_);
      std::swap(pool_, next_);
      next_.rows.clear();
    }
    if (!pool_.complete() &&
        !read_pool(pool_, pool_.last - pool_.first, stop)) {
      return false;
    }
    append_row(pool_.rows, pool_.row_of[position_ - pool_.first], out);
  }
  // The next pool is ready when this one ends.
  if (pool_.last == static_cast<int64_t>(order_->size())) return true;
  if (next_.last <= pool_.last) open_pool(pool_.last, next_);
  const double share = static_cast<double>(position_ - pool_.first) /
                       static_cast<double>(pool_.last - pool_.first);
  const auto until = static_cast<int64_t>(
      share * static_cast<double>(next_.last - next_.first));
  return read_pool(next_, until, stop);
}

bool PlaceReader::read_held(int64_t n, OpenRows& out,
                            const std::atomic<bool>& stop) {
  std::vector<int64_t> cells;
  while (held_.n_rows() < source_->n_cells()) {
    if (stop) return false;
    cells.resize(static_cast<size_t>(
        std::min(kCellsAtOnce, source_->n_cells() - held_.n_rows())));
    std::iota(cells.begin(), cells.end(), held_.n_rows());
    append(cells.data(), static_cast<int64_t>(cells.size()), held_);
  }
  most_bytes_ = static_cast<int64_t>(held_.features.size()) * kPlaceBytes;
  for (; n > 0; --n) append_row(held_, (*order_)[position_++], out);
  return true;
}

bool PlaceReader::read(int64_t n, OpenRows& out,
                       const std::atomic<bool>& stop) {
  if (plan_.held_whole) return read_held(n, out, stop);
  if (!plan_.any_order()) return read_pooled(n, out, stop);
  if (stop) return false;
  append(order_->data() + position_, n, out);
  position_ += n;
  return true;
}

}  // namespace sailer
