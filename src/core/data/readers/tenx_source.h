// Counts in 10x Genomics' HDF5 layouts.
//
//   version 3   /matrix/{barcodes, data, indices, indptr, shape} with
//               features/{id, name, feature_type, genome, interval}; names
//               serve where a writer left out the ids;
//               a multiome file holds genes and peaks in one matrix
//   version 2   /<genome>/{barcodes, data, indices, indptr, shape, genes,
//               gene_names}, which HDF5Array's writeTENxMatrix() writes too
#pragma once

#include <string>

#include "hdf5.h"
#include "opened_file.h"

namespace sailer {

struct TenxOptions {
  // Group of the matrix; "" finds the only one.
  std::string group;
  // Features to keep, by features/feature_type; "" keeps all. Ignored in files
  // without feature types (version 2).
  std::string feature_type = "Peaks";
};

OpenedFile open_tenx(const std::string& path, const TenxOptions& options);

// Groups of the file that hold a 10x matrix.
std::vector<std::string> tenx_groups(const hdf5::File& file);

}  // namespace sailer
