// Packed cells, served in any order: what training reads.
//
// Cells are packed (format.h) by a pass that reads a reader through, into
// memory and beyond a limit into a temporary file, or lie in the file of a
// corpus. A cell is read without its neighbours; of a file the system keeps in
// memory what is used often, and all that is held here are 8 bytes a cell. The
// first cell that is read of a block has its checksum looked at.
//
// A store is a source of cells like a reader, and what choose()
// (readers/sources.h) takes of one serves training as well.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../readers/count_check.h"
#include "contents.h"

namespace sailer {

struct StoreOptions {
  std::string description = "cells in memory";
  Packed values = Packed::kOpen;
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

  int64_t n_cells() const override { return contents_.n_cells; }
  int64_t n_features() const override { return contents_.head.n_genes; }
  int64_t n_entries(int64_t first, int64_t count) const override;
  std::string describe() const override { return description_; }
  Packed packed() const override { return packed_; }

  int64_t bytes_in_memory() const;

  // Of a corpus.
  const packed::Contents& contents() const { return contents_; }

  // Reads the whole file: throws Error(kFile) where a byte has changed since it
  // was written. False when `cancelled`, asked before each block, stops it.
  bool check_payloads(const std::function<bool()>& cancelled = {}) const;

 private:
  friend class StoreWriter;
  Store() = default;

  // All counts above zero, of features that rise.
  void append(int64_t first, int64_t count, SparseRows& out) override;
  void append_cells(const int64_t* cells, int64_t n, bool counts,
                    SparseRows& out) override;
  void append_run(packed::Block& block, int64_t from, int64_t to, bool counts,
                  SparseRows& out);
  packed::Block& block_of(int64_t cell) const;
  int64_t entries_before(int64_t cell) const;
  void check(packed::Block& block) const;
  const unsigned char* bytes_of(const packed::Block& block, int64_t place,
                                int64_t n) const;
  [[noreturn]] void fail(const packed::Block& block,
                         const std::string& what) const;

  DiskFile file_;
  mutable packed::Contents contents_;  // where cells begin is read when needed
  std::string description_;
  Packed packed_ = Packed::kCounts;
  mutable packed::Bytes scratch_;
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

  // The store, after the last cells.
  StorePtr finish();

 private:
  void flush();

  StorePtr store_;
  StoreOptions options_;
  CountChecker checker_;
  packed::BlockMaker maker_;
  int64_t n_cells_ = 0;
  int64_t bytes_in_memory_ = 0;
};

// The source itself where its cells are packed with what is wanted; else null.
CellSourcePtr store_of(const CellSourcePtr& source,
                       const StoreOptions& options);

// The cells of a source in a store: itself if it is one. Null when `cancelled`,
// asked before each block, stops it.
CellSourcePtr packed_cells(const CellSourcePtr& source,
                           const StoreOptions& options,
                           const std::function<bool()>& cancelled = {});

}  // namespace sailer
