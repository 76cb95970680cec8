// Sparse rows packed block by block, in core memory and beyond it in a file.
//
// For matrices that are dense, virtual or in a format of their own: each block
// of cells is checked when it is appended, and then only the indices of its
// open features are kept (4 bytes an entry), and every value read back is 1;
// with Packing::kCounts their counts too (8 bytes), which need not be whole.
#pragma once

#include <string>
#include <vector>

#include "../readers/cell_source.h"
#include "../readers/count_check.h"
#include "spill_file.h"

namespace sailer {

enum class Packing { kOpen, kCounts };

// Where packed cells lie.
struct PackedMemory {
  // Folder for a temporary file; empty keeps all in memory.
  std::string folder;
  // What stays in memory before the file is begun.
  int64_t bytes = int64_t{256} << 20;
  // Entries of a block, about: it is written when it has as many.
  int64_t block_entries = int64_t{4} << 20;
};

class PackedSource final : public CellSource {
 public:
  explicit PackedSource(int64_t n_features,
                        std::string description = "cells in memory",
                        Packing packing = Packing::kOpen,
                        PackedMemory memory = {});

  // Appends the cells of `rows`, zeros dropped. With a count that cannot be
  // used nothing is appended and the problem is returned (its cell counted
  // from the first cell of the source). Throws on indices out of range.
  CountProblem append(SparseRows rows);

  int64_t n_cells() const override { return n_cells_; }
  int64_t n_features() const override { return n_features_; }
  int64_t n_entries() const { return n_entries_; }
  // Of the entries alone.
  int64_t bytes_in_memory() const;
  void read(int64_t first, int64_t count, SparseRows& out) override;
  void read_open(const int64_t* cells, int64_t n, OpenRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  bool random_access() const override { return true; }
  std::string describe() const override { return description_; }

 private:
  // Some cells, one after another. One block is filled at a time: a single
  // vector that grows would need twice the memory at its peak.
  struct Block {
    int64_t first_cell = 0;
    std::vector<int64_t> offsets{0};
    std::vector<int32_t> indices;
    std::vector<float> values;  // Packing::kCounts
    // Where the same lie in the file, if they do.
    const int32_t* filed_indices = nullptr;
    const float* filed_values = nullptr;

    int64_t n_rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
    const int32_t* features() const {
      return filed_indices != nullptr ? filed_indices : indices.data();
    }
    const float* counts() const {
      return filed_values != nullptr ? filed_values : values.data();
    }
  };

  const Block& block_of(int64_t cell) const;
  void finish(Block& block);

  int64_t n_features_;
  int64_t n_cells_ = 0;
  int64_t n_entries_ = 0;
  std::string description_;
  Packing packing_;
  PackedMemory memory_;
  int64_t finished_bytes_ = 0;
  SpillFile file_;
  CountChecker checker_;
  std::vector<Block> blocks_;
};

}  // namespace sailer
