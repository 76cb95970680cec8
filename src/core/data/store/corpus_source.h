// Cells of a corpus, read from its file as the system maps it.
//
// A cell is read without its neighbours: its genes and its values lie each in
// one stretch. What is read often stays in the system's memory, none of it in
// ours.
#pragma once

#include <functional>

#include "../readers/cell_source.h"
#include "corpus_contents.h"

namespace sailer {

class CorpusSource final : public CellSource {
 public:
  // Files below this size are read in any order: the system soon has all of it
  // in memory.
  static constexpr int64_t kSmallBytes = int64_t{256} << 20;

  // Throws Error(kFile) for a file that is no corpus, was not finished, is cut
  // short, damaged as far as heads tell, or newer.
  explicit CorpusSource(const std::string& path,
                        int64_t small_bytes = kSmallBytes);

  int64_t n_cells() const override { return contents_.n_cells; }
  int64_t n_features() const override { return contents_.head.n_genes; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  void read_open(const int64_t* cells, int64_t n, OpenRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  bool random_access() const override { return file_.size() < small_bytes_; }
  std::vector<int32_t> blocks() const override;
  std::string describe() const override;

  const corpus::Contents& contents() const { return contents_; }

  // Reads the whole file: throws Error(kFile) where a byte has changed since it
  // was written. False when `cancelled`, asked before each block, stops it.
  bool check_payloads(const std::function<bool()>& cancelled = {}) const;

 private:
  // A cell's entries [begin, end) in its block.
  struct Place {
    const corpus::Block* block;
    int64_t begin, end;
  };

  const corpus::Block& block_of(int64_t cell) const;
  Place place_of(const corpus::Block& block, int64_t from, int64_t to) const;
  int64_t entries_before(int64_t cell) const;
  void append_genes(const Place& place, std::vector<int32_t>& out) const;
  void append_values(const Place& place, std::vector<float>& out) const;
  void check_genes(const corpus::Block& block, const int32_t* genes,
                   int64_t n) const;
  [[noreturn]] void fail(const corpus::Block& block,
                         const std::string& what) const;

  MappedFile file_;
  corpus::Contents contents_;
  int64_t small_bytes_;
};

}  // namespace sailer
