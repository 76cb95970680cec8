// What is in a corpus, told from the heads of its sections.
//
// The payloads of blocks are not read, but for where their cells begin: a file
// of 30 GB is opened by reading some 30 MB of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "corpus_format.h"
#include "mapped_file.h"

namespace sailer::corpus {

struct Block {
  int64_t first_cell = 0;
  int64_t n_cells = 0;
  int64_t first_entry = 0;
  int64_t n_entries = 0;
  int64_t value_bytes = 0;
  int64_t at = 0;  // its payload in the file
  BlockPlaces places;
  int64_t input_cells = 0;
  uint64_t checksum = 0;
};

struct Source {
  SourceMark mark;
  bool whole = false;
  int64_t n_cells = 0;  // kept
  int64_t n_read = 0;   // cells of the source that are behind
  double all_counts = 0;
  double kept_counts = 0;
  size_t first_block = 0;
  size_t n_blocks = 0;

  int64_t left_out() const { return n_read - n_cells; }
};

struct Contents {
  Head head;
  Genes genes;
  std::vector<Source> sources;
  std::vector<Block> blocks;
  int64_t n_cells = 0;
  int64_t n_entries = 0;
  size_t n_finished = 0;    // sources before the last end
  bool has_genes = false;   // false: killed before they were written
  bool finished = false;    // the file ends with an end
  int64_t whole_bytes = 0;  // behind them the tail is torn
};

enum class Depth {
  kHeads,    // and where cells begin
  kPayloads  // and all checksums
};

// Throws Error(kFile) when the file is foreign, newer or damaged. A torn tail
// is no damage: its sections are not told of. With Depth::kPayloads the last
// section is torn too when its payload does not fit its checksum.
// `cancelled`, asked before each block, stops the check of payloads and makes
// it return false.
bool read_contents(const MappedFile& file, Depth depth, Contents& contents,
                   const std::function<bool()>& cancelled = {});

}  // namespace sailer::corpus
