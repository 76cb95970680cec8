// Sparse rows of cells in an HDF5 file: indptr, indices and data of one group.
//
// Both a 10x matrix (compressed columns of features x cells) and a CSR h5ad
// (compressed rows of cells x features) are this. Only indptr is held; the rest
// is read by hyperslabs.
#pragma once

#include <vector>

#include "cell_source.h"
#include "hdf5.h"

namespace sailer {

class Hdf5Rows final : public CellSource {
 public:
  // Checks all shapes and indptr; throws Error(kFile) that names the dataset.
  Hdf5Rows(const hdf5::File& file, const std::string& group, int64_t n_cells,
           int64_t n_features, std::string description);

  int64_t n_cells() const override { return n_of(indptr_) - 1; }
  int64_t n_features() const override { return n_features_; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  int64_t n_entries(int64_t first, int64_t count) const override {
    return indptr_[first + count] - indptr_[first];
  }
  std::string describe() const override { return description_; }

 private:
  void check_indices(int64_t entry, const int32_t* indices, int64_t n) const;

  int64_t n_features_;
  std::string description_;
  hdf5::Dataset indices_;
  hdf5::Dataset data_;
  std::vector<int64_t> indptr_;
};

}  // namespace sailer
