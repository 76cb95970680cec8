// The contents of a file of packed cells, according to its section heads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../../support/disk_file.h"
#include "block.h"
#include "format.h"

namespace sailer::packed {

struct Source {
  SourceMark mark;
  bool whole = false;
  int64_t n_cells = 0;  // kept
  int64_t n_read = 0;   // cells of the source already processed
  double all_counts = 0;
  double kept_counts = 0;
  size_t first_block = 0;
  size_t n_blocks = 0;

  int64_t left_out() const { return n_read - n_cells; }
  void add(const Section& section);
};

struct Contents {
  Head head;
  Genes genes;
  std::vector<Source> sources;
  std::vector<Block> blocks;
  int64_t n_cells = 0;
  int64_t n_entries = 0;
  size_t n_finished = 0;    // sources before the last end section
  bool has_genes = false;   // false: killed before they were written
  bool finished = false;    // the file ends with an end section
  int64_t whole_bytes = 0;  // anything after them is a torn tail

  void add(Block block);  // to the last source, if there is one
};

enum class Depth {
  kHeads,    // of the sections
  kPayloads  // as well, verifying all checksums
};

// Throws Error(kFile) if the file is foreign, newer or damaged. A torn tail
// does not count as damage; its sections are not listed. With Depth::kPayloads
// the last section also counts as torn if its payload does not match its
// checksum. Returns false if `cancelled`, called before each payload is
// checked, returned true.
bool read_contents(const DiskFile& file, Depth depth, Contents& contents,
                   const std::function<bool()>& cancelled = {});

}  // namespace sailer::packed
