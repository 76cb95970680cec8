// Sources of cells in an HDF5 file.
#pragma once

#include "cell_source.h"
#include "hdf5.h"

namespace sailer {

// Sparse rows: indptr, indices and data of one group. Both a 10x matrix
// (compressed columns of features x cells) and a CSR h5ad (compressed rows of
// cells x features) have this form. Only indptr is held in memory; the rest is
// read in hyperslabs. Checks all shapes and indptr, and throws Error(kFile)
// that names the dataset.
CellSourcePtr sparse_hdf5_source(const hdf5::File& file,
                                 const std::string& group, int64_t n_cells,
                                 int64_t n_features, std::string description);

// A dense two-dimensional dataset, one row per cell: a dense matrix of an h5ad
// file, or a features x cells matrix written by HDF5Array's writeHDF5Array(),
// because R's order of dimensions is reversed in the file. Throws Error(kFile)
// unless it has two dimensions and holds numbers.
CellSourcePtr dense_hdf5_source(const hdf5::File& file,
                                const std::string& dataset,
                                std::string description);

}  // namespace sailer
