// Packed cells, served in any order: what training reads.
//
// Cells are either in the file of a corpus, or are packed (format.h) by a pass
// over a reader: into memory, and past a limit into a temporary file. A cell is
// read without its neighbours. For a file, the operating system caches what is
// used often; the store itself holds only 8 bytes per cell. The checksum of a
// block is verified when the first of its cells is read.
//
// A store is a source of cells like a reader, and a subset of it made by
// choose() (readers/sources.h) is also suitable for training.
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
  // Folder for the temporary file. If it is "", not writable or full, blocks
  // are kept in memory.
  std::string folder;
  int64_t memory_bytes = int64_t{256} << 20;
  packed::BlockLimits limits{4096, int64_t{1} << 20};
};

class Store final : public CellSource {
 public:
  // Opens the file of a corpus. Throws Error(kFile) if it is not a corpus, was
  // not finished, is truncated or newer, or its section heads show damage.
  explicit Store(const std::string& path);

  int64_t n_cells() const override { return contents_.n_cells; }
  int64_t n_features() const override { return contents_.head.n_genes; }
  int64_t n_entries(int64_t first, int64_t count) const override;
  std::string describe() const override { return description_; }
  Packed packed() const override { return packed_; }

  int64_t bytes_in_memory() const;

  // For a corpus.
  const packed::Contents& contents() const { return contents_; }

  // Reads the whole file and throws Error(kFile) if a byte has changed since it
  // was written. Returns false if `cancelled`, called before each block, stops
  // it.
  bool check_payloads(const std::function<bool()>& cancelled = {}) const;

 private:
  friend class StoreWriter;
  Store() = default;

  // All counts are above zero, and features are ascending.
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
  mutable packed::Contents contents_;  // offsets of cells are read when needed
  std::string description_;
  Packed packed_ = Packed::kCounts;
  mutable packed::Bytes scratch_;
};

using StorePtr = std::shared_ptr<Store>;

// Packs cells into a store.
class StoreWriter {
 public:
  explicit StoreWriter(int64_t n_features, const StoreOptions& options = {});

  // Appends the cells of `rows`, which may be arbitrary: applies whole_count()
  // and drops zeros. If a count cannot be used, appends nothing and returns the
  // problem (with its cell counted from the first cell of the store). Throws if
  // the rows are malformed.
  CountProblem append(SparseRows rows);
  // The same for rows from a reader whose counts have been checked.
  void append_checked(const SparseRows& rows);
  int64_t n_cells() const { return n_cells_; }

  // Returns the store, after the last cells.
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

// Returns the source itself if it is a store with the requested values, else
// null.
CellSourcePtr store_of(const CellSourcePtr& source,
                       const StoreOptions& options);

// Returns a store of the cells of a source, or the source itself if it is a
// suitable one. Returns null if `cancelled`, called before each block, stops
// it. Throws Error(kData) if a count cannot be used.
CellSourcePtr packed_cells(const CellSourcePtr& source,
                           const StoreOptions& options,
                           const std::function<bool()>& cancelled = {});

}  // namespace sailer
