#include "place_reader.h"

#include <algorithm>

#include "../store/scan.h"

namespace sailer {

namespace {

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

PlaceReader::PlaceReader(CellSourcePtr source, std::vector<int32_t> place_of)
    : source_(std::move(source)),
      store_(store_of(source_, {})),
      place_of_(std::move(place_of)) {
  const auto last = std::max_element(place_of_.begin(), place_of_.end());
  const int64_t n_places = last == place_of_.end() ? 0 : int64_t{*last} + 1;
  bits_.assign(n_places / 64 + 1, 0);
}

bool PlaceReader::prepare(const std::vector<int64_t>& order,
                          const std::function<bool()>& cancelled) {
  return store_ != nullptr || std::is_sorted(order.begin(), order.end()) ||
         pack(cancelled);
}

bool PlaceReader::pack(const std::function<bool()>& cancelled) {
  store_ = packed_cells(source_, {}, cancelled);
  return store_ != nullptr;
}

// Sorts the places of a row. They are sorted already unless the model orders
// its peaks differently from the source. Then a bit set is used: for the
// thousands of places of a cell, filling and emptying it is faster than
// sorting.
void PlaceReader::sort_row(int32_t* places, int64_t n) {
  if (std::is_sorted(places, places + n)) return;
  const auto n_words = n_of(bits_);
  bool twice = n * 16 < n_words;  // or too few: sorting is faster
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

// Reads the block of the reader that begins with `cell`.
void PlaceReader::read_block(int64_t cell) {
  block_.clear();
  first_ = cell;
  source_->read(cell, block_cells(*source_, cell, source_->n_cells()), block_);
}

void PlaceReader::read(const int64_t* cells, int64_t n, SparseRows& out) {
  RowsGuard guard(out);
  const int64_t from = out.n_rows();
  if (store_ != nullptr) {
    store_->read_open(cells, n, out);
  } else {
    for (int64_t k = 0; k < n; ++k) {
      check_block(*source_, cells[k], 1);
      const int64_t row = cells[k] - first_;
      if (row < 0 || row >= block_.n_rows()) read_block(cells[k]);
      append_open(block_, cells[k] - first_, out);
    }
  }
  map_features(place_of_, from, out);
  for (int64_t row = from; row < out.n_rows(); ++row) {
    sort_row(out.indices.data() + out.offsets[row],
             out.offsets[row + 1] - out.offsets[row]);
  }
  guard.done();
}

}  // namespace sailer
