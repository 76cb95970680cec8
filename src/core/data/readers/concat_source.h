// Several sources one after another over cells, with common features.
//
// For the layers of a Seurat v5 assay, or several files: each part may have its
// own features, sent to the common set by a map. Features that a part lacks are
// zeros in its cells.
#pragma once

#include "../feature_map.h"
#include "cell_source.h"

namespace sailer {

struct ConcatPart {
  CellSourcePtr source;
  FeatureMap map;  // empty: the source has the common features already
};

class ConcatSource final : public CellSource {
 public:
  ConcatSource(std::vector<ConcatPart> parts, int64_t n_features);

  int64_t n_cells() const override { return first_cells_.back(); }
  int64_t n_features() const override { return n_features_; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  CellSourcePtr in_file_order(std::vector<int64_t>& order) const override;
  std::string describe() const override;

 private:
  size_t part_of(int64_t cell) const;

  std::vector<ConcatPart> parts_;
  std::vector<int64_t> first_cells_;  // of each part, then the total
  int64_t n_features_;
};

}  // namespace sailer
