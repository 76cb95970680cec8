// Opening files of counts.
#pragma once

#include <string>
#include <vector>

#include "cell_source.h"

namespace sailer {

struct OpenedFile {
  CellSourcePtr source;
  std::vector<std::string> cells;     // names; empty if the file has none
  std::vector<std::string> features;  // likewise
  std::vector<std::string>
      intervals;  // "chr1:100-200" of each feature, or none
  // For h5ad files: the matrix that is read, and all matrices of the file.
  std::string matrix;
  std::vector<std::string> matrices;
};

// Restricts `opened` to the features of type `wanted`; `types` has the type of
// each feature. Returns false, changing nothing, if there are none.
bool keep_features(const std::vector<std::string>& types,
                   const std::string& wanted, OpenedFile& opened);

// 10x Genomics' HDF5 layouts:
//
//   version 3   /matrix/{barcodes, data, indices, indptr, shape} with
//               features/{id, name, feature_type, genome, interval}; names
//               are used if a writer left out the ids;
//               a multiome file holds genes and peaks in one matrix
//   version 2   /<genome>/{barcodes, data, indices, indptr, shape, genes,
//               gene_names}, also written by HDF5Array's writeTENxMatrix()
struct TenxOptions {
  // Group of the matrix; "" if there is only one.
  std::string group;
  // Type of the features to keep (features/feature_type); "" keeps all. Ignored
  // for files without feature types (version 2).
  std::string feature_type = "Peaks";
};

OpenedFile open_tenx(const std::string& path, const TenxOptions& options);

enum class FileLayout { kTenx, kH5ad, kMudata };

// Detects the layout from the contents, not from the extension. Throws
// Error(kFile), listing the contents, if it is none of these.
FileLayout detect_layout(const std::string& path);

}  // namespace sailer
