// Counts in files: what opening one gives.
#pragma once

#include <string>
#include <vector>

#include "cell_source.h"

namespace sailer {

struct OpenedFile {
  CellSourcePtr source;
  std::vector<std::string> cells;     // names; empty when the file has none
  std::vector<std::string> features;  // likewise
  std::vector<std::string>
      intervals;  // "chr1:100-200" of each feature, or none
  // Of h5ad files: the matrix that is read, and all that there are.
  std::string matrix;
  std::vector<std::string> matrices;
};

// Restricts it to the features of the type `wanted`; `types` has that of each.
// False, and nothing is changed, when there are none.
bool keep_features(const std::vector<std::string>& types,
                   const std::string& wanted, OpenedFile& opened);

// 10x Genomics' HDF5 layouts:
//
//   version 3   /matrix/{barcodes, data, indices, indptr, shape} with
//               features/{id, name, feature_type, genome, interval}; names
//               serve where a writer left out the ids;
//               a multiome file holds genes and peaks in one matrix
//   version 2   /<genome>/{barcodes, data, indices, indptr, shape, genes,
//               gene_names}, which HDF5Array's writeTENxMatrix() writes too
struct TenxOptions {
  // Group of the matrix; "" finds the only one.
  std::string group;
  // Features to keep, by features/feature_type; "" keeps all. Ignored in files
  // without feature types (version 2).
  std::string feature_type = "Peaks";
};

OpenedFile open_tenx(const std::string& path, const TenxOptions& options);

enum class FileLayout { kTenx, kH5ad, kMudata };

// Looks inside, not at the extension. Throws Error(kFile), listing what was
// found, when it is none of them.
FileLayout detect_layout(const std::string& path);

}  // namespace sailer
