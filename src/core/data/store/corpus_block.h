// Cells on their way into a block of a corpus (corpus_format.h).
#pragma once

#include <utility>
#include <vector>

#include "../feature_map.h"
#include "../readers/cell_source.h"
#include "corpus_format.h"

namespace sailer::corpus {

// What a block holds at most; one cell it always takes. Larger blocks cost
// memory while they are made, smaller ones a little space.
struct BlockLimits {
  int64_t cells = 4096;
  int64_t entries = int64_t{1} << 22;
};

// Collects cells until a block is full. Genes of a cell are put in order, and
// counts of features that go to one gene are summed.
class BlockMaker {
 public:
  BlockMaker(int64_t index_bytes, const BlockLimits& limits)
      : index_bytes_(index_bytes), limits_(limits) {}

  // Takes row `row` of `rows`. False, and nothing is taken, when it has genes
  // that no longer fit. A cell without a gene always fits: it is counted, and
  // left out.
  bool add(const SparseRows& rows, int64_t row, const FeatureMap& map);

  int64_t n_cells() const { return static_cast<int64_t>(offsets_.size()) - 1; }
  int64_t input_cells() const { return input_cells_; }

  // The block as it lies in the file, payload and head, and an empty maker.
  Bytes take(Section& section);

 private:
  void collect(const SparseRows& rows, int64_t row, const FeatureMap& map);
  uint32_t value_bytes() const;

  int64_t index_bytes_;
  BlockLimits limits_;
  std::vector<std::pair<int32_t, float>> cell_;  // gene and count, of one cell
  double cell_counts_ = 0;                       // all of them
  std::vector<uint32_t> offsets_{0};
  std::vector<int32_t> genes_;
  std::vector<float> values_;
  int64_t input_cells_ = 0;
  double all_counts_ = 0;
  double kept_counts_ = 0;
};

}  // namespace sailer::corpus
