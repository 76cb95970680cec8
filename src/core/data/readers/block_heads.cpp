#include "block_heads.h"

#include <algorithm>

namespace sailer {

namespace {

constexpr int64_t kLeastEntries = 1 << 15;  // in a block: a call costs 20 us
constexpr int64_t kLeastCells = 16;
constexpr int64_t kEnough = 1 << 20;  // entries, however deep the cells
constexpr int64_t kMostKept = int64_t{1} << 23;  // entries: 32 MB

// Whole chunks that hold enough entries for a read to be worth its call, and
// enough cells for half a cell at the edge to be little.
int64_t entries_of_block(const std::vector<int64_t>& offsets, int64_t chunk) {
  const auto n_cells =
      std::max<int64_t>(1, static_cast<int64_t>(offsets.size()) - 1);
  const int64_t least = std::clamp(kLeastCells * (offsets.back() / n_cells),
                                   kLeastEntries, kEnough);
  return (least + chunk - 1) / chunk * chunk;
}

}  // namespace

BlockHeads::BlockHeads(const std::vector<int64_t>& offsets, int64_t chunk)
    : offsets_(offsets),
      chunk_(chunk),
      block_entries_(entries_of_block(offsets, chunk)) {}

int64_t BlockHeads::head_end(int64_t block) const {
  return *std::lower_bound(offsets_.begin(), offsets_.end() - 1,
                           block * block_entries_);
}

BlockHeads::Plan BlockHeads::plan(int64_t begin, int64_t end) const {
  Plan plan{begin, end, nullptr};
  const int64_t last = block_of_entry(end);
  const auto head = heads_.find(last);
  if (head != heads_.end() && begin < last * block_entries_ &&
      end == head_end(last)) {
    plan.end = last * block_entries_;
    plan.tail = &head->second;
  }
  // The head of the block is in a chunk that is unpacked anyway.
  const int64_t start = block_of_entry(begin) * block_entries_;
  if (plan.end > begin && begin - start < chunk_ &&
      heads_.count(block_of_entry(begin)) == 0) {
    plan.begin = start;
  }
  return plan;
}

void BlockHeads::keep(int64_t begin, const int32_t* features, int64_t n) {
  const int64_t end = begin + n;
  for (int64_t block = (begin + block_entries_ - 1) / block_entries_;
       block * block_entries_ < end; ++block) {
    const int64_t start = block * block_entries_;
    const int64_t stop = head_end(block);
    if (stop == start || stop > end || stop - start > block_entries_ ||
        entries_kept_ + stop - start > kMostKept || heads_.count(block) > 0) {
      continue;
    }
    heads_.emplace(block, std::vector<int32_t>(features + (start - begin),
                                               features + (stop - begin)));
    entries_kept_ += stop - start;
  }
}

}  // namespace sailer
