// A block of packed cells (format.h): how it is made and read.
#pragma once

#include <vector>

#include "../feature_map.h"
#include "../readers/cell_source.h"
#include "format.h"

namespace sailer::packed {

// The most that a block holds, although it always accepts one cell. Larger
// blocks need more memory while they are made, smaller ones a little more
// space.
struct BlockLimits {
  int64_t cells = 4096;
  int64_t entries = int64_t{1} << 22;
};

// A block and its location: in a file from `at` on, or in `memory`.
struct Block {
  int64_t first_cell = 0;
  int64_t n_cells = 0;
  int64_t first_entry = 0;
  int64_t n_entries = 0;
  int64_t value_bytes = 0;
  int64_t index_bytes = 0;  // see Head
  int64_t payload_bytes = 0;
  int64_t features_at = 0, values_at = 0;  // in the payload
  int64_t input_cells = 0;
  uint64_t checksum = 0;
  int64_t at = 0;
  Bytes memory;

  // Read when needed: offsets of the cells, in entries and in bytes.
  std::vector<uint32_t> entries, places;
  bool checked = false;  // the checksum of the payload was verified
};

// Fills in sizes from the head of a block. Returns false if they are
// impossible.
bool shape_block(const Section& section, int64_t index_bytes, Block& block);

// Returns the size of the offsets at the beginning of a payload.
int64_t bytes_of_offsets(const Block& block);
// Reads them into `entries` and `places`. Returns false if they are
// inconsistent.
bool read_offsets(const unsigned char* bytes, Block& block);

// Reads the features of the cell `row`, which start at `bytes`. Returns false
// unless they are ascending and below `limit`. May read up to kSlackBytes past
// the end of the cell's bytes.
bool read_features(const Block& block, int64_t row, const unsigned char* bytes,
                   int64_t limit, int32_t* out);
// Returns the byte offset at which the features of a cell begin, and those of
// the previous cell end.
int64_t place_of_features(const Block& block, int64_t row);

// Reads n values, which start at `bytes`. Returns false unless all are positive
// and finite.
bool read_values(int64_t value_bytes, const unsigned char* bytes, int64_t n,
                 float* out);

// Collects cells until a block is full. Features of a cell are sorted, and
// counts of features that are mapped to the same one are summed.
class BlockMaker {
 public:
  enum class Empty { kLeftOut, kKept };  // cells without a feature

  BlockMaker(const BlockLimits& limits, Packed values, Empty empty)
      : limits_(limits), values_(values), empty_(empty) {}

  // Adds row `row` of `rows`. Returns false, adding nothing, if it does not fit
  // into the block. A cell that is left out always fits, and is only counted.
  bool add(const SparseRows& rows, int64_t row, const FeatureMap& map);

  int64_t n_cells() const { return rows_.n_rows(); }
  int64_t input_cells() const { return input_cells_; }

  // Returns the payload, sets `section` to the head, and empties the maker.
  Bytes take(Section& section);

 private:
  uint32_t value_bytes() const;

  BlockLimits limits_;
  Packed values_;
  Empty empty_;
  SparseRows rows_;
  int64_t input_cells_ = 0;
  double all_counts_ = 0, kept_counts_ = 0;
};

// Ascending numbers in few bits: how a packed block stores a cell's open peaks,
// or its genes. Each number is stored as its distance to the previous one,
// minus 1. Each group of 32 starts with a byte that gives the bits per number,
// and is padded to a whole byte: about 8 bits for an open peak.

// Bytes past those given to unpack_rising() that it may read but does not use.
inline constexpr int64_t kSlackBytes = 8;

// Appends n non-negative, strictly ascending numbers.
void pack_rising(const int32_t* numbers, int64_t n,
                 std::vector<unsigned char>& out);

// Returns false unless the bytes are exactly n ascending numbers below `limit`.
bool unpack_rising(const unsigned char* bytes, int64_t n_bytes, int64_t n,
                   int64_t limit, int32_t* out);

}  // namespace sailer::packed
