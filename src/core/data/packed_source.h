// Sparse rows in core memory, filled block by block.
//
// For matrices that are dense, virtual or in a format of their own: each block
// of cells is checked when it is appended, and then only the indices of its
// open features are kept (4 bytes an entry), and every value read back is 1;
// with Packing::kCounts their counts too (8 bytes), which need not be whole.
#pragma once

#include "cell_source.h"
#include "count_check.h"

namespace sailer {

enum class Packing { kOpen, kCounts };

class PackedSource final : public CellSource {
 public:
  explicit PackedSource(int64_t n_features,
                        std::string description = "cells in memory",
                        Packing packing = Packing::kOpen);

  // Appends the cells of `rows`, zeros dropped. With a count that cannot be
  // used nothing is appended and the problem is returned (its cell counted
  // from the first cell of the source). Throws on indices out of range.
  CountProblem append(SparseRows rows);

  int64_t n_cells() const override { return n_cells_; }
  int64_t n_features() const override { return n_features_; }
  int64_t n_entries() const { return n_entries_; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  void read_open(const int64_t* cells, int64_t n, OpenRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  bool random_access() const override { return true; }
  std::string describe() const override { return description_; }

 private:
  // Blocks stay as they were appended: growing one long vector would need
  // twice the memory at its peak.
  struct Block {
    int64_t first_cell = 0;
    std::vector<int64_t> offsets{0};
    std::vector<int32_t> indices;
    std::vector<float> values;  // Packing::kCounts
  };

  const Block& block_of(int64_t cell) const;

  int64_t n_features_;
  int64_t n_cells_ = 0;
  int64_t n_entries_ = 0;
  std::string description_;
  Packing packing_;
  CountChecker checker_;
  std::vector<Block> blocks_;
};

}  // namespace sailer
