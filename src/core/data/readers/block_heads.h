// Keeps HDF5 chunks from being unpacked twice for the cells at their edges.
//
// The entries of a file are cut into blocks of equal length, each a few whole
// chunks. A block holds the cells that start in it; its last cell ends in the
// next block, whose first chunk would be unpacked for these few entries alone.
// So the head of a block, the entries before its first cell, is kept when it is
// read, which costs nothing then: about half a cell per block.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sailer {

class BlockHeads {
 public:
  // `offsets`: where each cell's entries start, and their total; borrowed.
  // `chunk`: entries that the file unpacks together.
  BlockHeads(const std::vector<int64_t>& offsets, int64_t chunk);

  int64_t block_of_entry(int64_t entry) const { return entry / block_entries_; }

  // The entries [begin, end) of whole cells are wanted: those to read instead
  // are [begin, end) of the answer, and those of `tail` follow them.
  struct Plan {
    int64_t begin = 0, end = 0;
    const std::vector<int32_t>* tail = nullptr;
  };
  Plan plan(int64_t begin, int64_t end) const;

  // Keeps the heads that are among the features of the entries from `begin`.
  void keep(int64_t begin, const int32_t* features, int64_t n);

  int64_t n_kept() const { return static_cast<int64_t>(heads_.size()); }

 private:
  int64_t head_end(int64_t block) const;

  const std::vector<int64_t>& offsets_;
  int64_t chunk_;
  int64_t block_entries_;
  int64_t entries_kept_ = 0;
  std::unordered_map<int64_t, std::vector<int32_t>> heads_;
};

}  // namespace sailer
