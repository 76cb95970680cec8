// Chosen cells and features of another source. Features sent to one place are
// one feature of the result: open where one of them is, their counts summed.
#pragma once

#include "../feature_map.h"
#include "cell_source.h"

namespace sailer {

// Appends `cells` (any order, repeats allowed) to `out`, in the order given.
// Files are read in runs of neighbouring cells: a short gap is read through,
// since a second read of the same compressed chunk costs more.
void read_cells(CellSource& source, const std::vector<int64_t>& cells,
                SparseRows& out);

// What to take of the cells and of the features.
struct Subset {
  bool all_cells = true;
  std::vector<int64_t> cells;  // any order, used unless all_cells
  FeatureMap map;              // empty: all features
  int64_t n_features = 0;      // of the result
};

class SubsetSource final : public CellSource {
 public:
  SubsetSource(CellSourcePtr base, Subset subset);

  int64_t n_cells() const override;
  int64_t n_features() const override { return subset_.n_features; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  CellSourcePtr in_file_order(std::vector<int64_t>& order) const override;
  std::string describe() const override { return base_->describe(); }

 private:
  CellSourcePtr base_;
  Subset subset_;
  bool merges_ = false;  // several features go to one place
};

}  // namespace sailer
