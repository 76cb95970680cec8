// A block of packed cells (format.h): how one is made, and what is in it.
#pragma once

#include <vector>

#include "../feature_map.h"
#include "../readers/cell_source.h"
#include "format.h"

namespace sailer::packed {

// What a block holds at most; one cell it always takes. Larger blocks cost
// memory while they are made, smaller ones a little space.
struct BlockLimits {
  int64_t cells = 4096;
  int64_t entries = int64_t{1} << 22;
};

// A block and where it lies: in a file from `at` on, or in `memory`.
struct Block {
  int64_t first_cell = 0;
  int64_t n_cells = 0;
  int64_t first_entry = 0;
  int64_t n_entries = 0;
  int64_t value_bytes = 0;
  int64_t index_bytes = 0;  // as Head has it
  int64_t payload_bytes = 0;
  int64_t features_at = 0, values_at = 0;  // in the payload
  int64_t input_cells = 0;
  uint64_t checksum = 0;
  int64_t at = 0;
  Bytes memory;

  // Read when they are needed: where cells begin, in entries and bytes.
  std::vector<uint32_t> entries, places;
  bool checked = false;  // the payload has its checksum
};

// False when the sizes that the head of a block tells cannot be.
bool shape_block(const Section& section, int64_t index_bytes, Block& block);

// What stands at the beginning of a payload, `bytes` long, into `entries` and
// `places`. False when cells do not follow each other.
int64_t bytes_of_offsets(const Block& block);
bool read_offsets(const unsigned char* bytes, Block& block);

// The features of the cell `row`, from the first of its bytes; false when they
// do not rise or are not below `limit`. `bytes` may be read a little beyond its
// end (kSlackBytes).
bool read_features(const Block& block, int64_t row, const unsigned char* bytes,
                   int64_t limit, int32_t* out);
// Where the features of a cell begin, or those of the cell before it end.
int64_t place_of_features(const Block& block, int64_t row);

// n values from the first of their bytes on; false when one is no count.
bool read_values(int64_t value_bytes, const unsigned char* bytes, int64_t n,
                 float* out);

// Collects cells until a block is full. Features of a cell are put in order,
// and counts of features that are mapped to one are summed.
class BlockMaker {
 public:
  enum class Empty { kLeftOut, kKept };  // cells without a feature

  BlockMaker(const BlockLimits& limits, Packed values, Empty empty)
      : limits_(limits), values_(values), empty_(empty) {}

  // Takes row `row` of `rows`. False, and nothing is taken, when it has entries
  // that no longer fit. A cell that is left out always fits: it is counted.
  bool add(const SparseRows& rows, int64_t row, const FeatureMap& map);

  int64_t n_cells() const { return rows_.n_rows(); }
  int64_t input_cells() const { return input_cells_; }

  // The block, payload and head, and an empty maker.
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

// Rising numbers in few bits: what a cell's open peaks, or its genes, are in a
// packed block. Of each number its distance to the one before is kept, less 1.
// Every 32 of them begin with a byte that says how many bits each takes, and
// end at a whole byte: about 8 bits for an open peak.

// What may be read, though not used, behind the bytes given to unpack_rising().
inline constexpr int64_t kSlackBytes = 8;

// Appends n numbers that rise from 0 or above.
void pack_rising(const int32_t* numbers, int64_t n,
                 std::vector<unsigned char>& out);

// False unless the bytes are exactly n numbers below `limit` that rise.
bool unpack_rising(const unsigned char* bytes, int64_t n_bytes, int64_t n,
                   int64_t limit, int32_t* out);

}  // namespace sailer::packed
