// A features x cells dgCMatrix (or ngCMatrix) of R, borrowed without a copy.
//
// The compressed columns of such a matrix are sparse rows of cells already. The
// view holds raw pointers; `owner` keeps the memory behind them alive for as
// long as the source lives (the binding puts R's vectors in it).
#pragma once

#include "cell_source.h"

namespace sailer {

struct MatrixView {
  const int32_t* offsets = nullptr;  // n_cells + 1, the `p` of a dgCMatrix
  const int32_t* indices = nullptr;  // offsets[n_cells], its `i`
  const double* values = nullptr;    // its `x`; nullptr: every entry is 1
  int64_t n_features = 0;
  int64_t n_cells = 0;
  int64_t n_entries = 0;  // length of `indices` and `values`
};

class MatrixSource final : public CellSource {
 public:
  MatrixSource(MatrixView view, std::shared_ptr<const void> owner,
               std::string description = "a dgCMatrix");

  int64_t n_cells() const override { return view_.n_cells; }
  int64_t n_features() const override { return view_.n_features; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override;
  std::string describe() const override { return description_; }

 private:
  void check_indices(int64_t begin, int64_t end) const;

  MatrixView view_;
  std::shared_ptr<const void> owner_;
  std::string description_;
};

}  // namespace sailer
