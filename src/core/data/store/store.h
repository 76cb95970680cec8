// Packed cells, served in any order: what training reads.
//
// Cells are packed (format.h) by a pass that reads a reader through, into
// memory and beyond a limit into a temporary file, or lie in the file of a
// corpus. A cell is read without its neighbours; of a file the system keeps in
// memory what is used often, and all that is held here are 8 bytes a cell. The
// first cell that is read of a block has its checksum looked at.
//
// A store is a source of cells like a reader, and a choice of its cells and
// features is a store again: see choose().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../readers/count_check.h"
#include "../readers/subset_source.h"
#include "contents.h"

namespace sailer {

struct StoreOptions {
  std::string description = "cells in memory";
  // Open features alone, each a count of 1; or counts, which may be fractions.
  packed::BlockMaker::Values values = packed::BlockMaker::Values::kNone;
  // Folder for the temporary file; empty keeps all in memory, as does a folder
  // that cannot be written to or is full.
  std::string folder;
  int64_t memory_bytes = int64_t{256} << 20;
  packed::BlockLimits limits{4096, int64_t{1} << 20};
};

class Store final : public CellSource {
 public:
  // The file of a corpus. Throws Error(kFile) for a file that is none, was not
  // finished, is cut short, damaged as far as heads tell, or newer.
  explicit Store(const std::string& path);

  int64_t n_cells() const override;
  int64_t n_features() const override { return n_features_; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  std::string describe() const override { return description_; }

  // Appends cells, named in any order, to `out`: all counts above zero, or what
  // is open, without values; features rise unless they are mapped.
  void read_cells(const int64_t* cells, int64_t n, SparseRows& out) {
    append(cells, n, /*counts=*/true, out);
  }
  void read_open(const int64_t* cells, int64_t n, SparseRows& out) {
    append(cells, n, /*counts=*/false, out);
  }

  // The cells and features of `subset`, which shares the packed cells.
  std::shared_ptr<Store> choose(const Subset& subset) const;

  // Whether it has counts, and so can stand for its reader in all.
  bool has_counts() const;
  int64_t bytes_in_memory() const;

  // Of a corpus.
  const packed::Contents& contents() const;

  // Reads the whole file: throws Error(kFile) where a byte has changed since it
  // was written. False when `cancelled`, asked before each block, stops it.
  bool check_payloads(const std::function<bool()>& cancelled = {}) const;

 private:
  friend class StoreWriter;
  struct Packed;

  explicit Store(std::shared_ptr<Packed> packed);
  int64_t row_of(int64_t cell) const {
    return rows_.empty() ? cell : rows_[cell];
  }
  std::vector<int64_t> rows_of(const int64_t* cells, int64_t n) const;
  void append(const int64_t* cells, int64_t n, bool counts, SparseRows& out);

  std::shared_ptr<Packed> packed_;
  std::string description_;
  int64_t n_features_;
  std::vector<int64_t> rows_;  // packed row of each cell; empty: as they are
  bool chosen_ = false;        // rows_ counts, though it may be empty
  FeatureMap map_;             // of packed features; empty: as they are
  bool merges_ = false;
};

using StorePtr = std::shared_ptr<Store>;

// Packs cells into a store.
class StoreWriter {
 public:
  explicit StoreWriter(int64_t n_features, const StoreOptions& options = {});

  // Appends the cells of `rows`, of which nothing is known, by whole_count()
  // and zeros dropped. With a count that cannot be used nothing is appended and
  // the problem is returned (its cell counted from the first cell of the
  // store). Throws on rows that are broken.
  CountProblem append(SparseRows rows);
  // The same of rows that a reader made and whose counts were checked.
  void append_checked(const SparseRows& rows);
  int64_t n_cells() const { return n_cells_; }

  // The store, after the last cells. `order`: the place of each packed cell
  // among the cells of the store; empty: as they came.
  StorePtr finish(const std::vector<int64_t>& order = {});

 private:
  void flush();

  std::shared_ptr<Store::Packed> packed_;
  StoreOptions options_;
  CountChecker checker_;
  packed::BlockMaker maker_;
  int64_t n_cells_ = 0;
  int64_t bytes_in_memory_ = 0;
};

// The source itself where it is a store that has what is wanted; else null.
StorePtr store_of(const CellSourcePtr& source, const StoreOptions& options);

// The cells of a source in a store: itself if it is one. Null when `cancelled`,
// asked before each block, stops it.
StorePtr packed_cells(const CellSourcePtr& source, const StoreOptions& options,
                      const std::function<bool()>& cancelled = {});

// Chosen cells and features of a source: a store of a store, else read as they
// come.
CellSourcePtr choose(const CellSourcePtr& source, Subset subset);

}  // namespace sailer
