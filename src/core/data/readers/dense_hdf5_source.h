// Counts in a dense two-dimensional HDF5 dataset, one row per cell: a
// dense matrix of an h5ad file, and what HDF5Array's writeHDF5Array() makes of
// a features x cells matrix, which R's order of dimensions turns round.
#pragma once

#include <string>
#include <vector>

#include "cell_source.h"
#include "hdf5.h"

namespace sailer {

class DenseHdf5Source final : public CellSource {
 public:
  // Throws Error(kFile) unless the dataset has two dimensions and holds
  // numbers.
  DenseHdf5Source(const hdf5::File& file, const std::string& dataset,
                  std::string description);

  int64_t n_cells() const override { return n_cells_; }
  int64_t n_features() const override { return n_features_; }
  void read(int64_t first, int64_t count, SparseRows& out) override;
  // A guess, whatever is in the file: about as many cells as make a row of
  // chunks, or some, are read at once.
  int64_t n_entries(int64_t first, int64_t count) const override;
  std::string describe() const override { return description_; }

 private:
  hdf5::Dataset dataset_;
  std::string description_;
  int64_t n_cells_ = 0, n_features_ = 0;
  int64_t block_cells_ = 1;     // of one row of chunks
  int64_t block_features_ = 1;  // read at once, whole chunks
};

}  // namespace sailer
