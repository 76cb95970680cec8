// Counts in an h5ad file (AnnData), cells x features, and their annotation, or
// those of one modality of MuData.
//
// Supports the layouts of AnnData from 0.5 (h5sparse attributes, obs and var as
// compound tables, raw.X) to the current one (encoding-type attributes), with
// the matrix as compressed rows or dense. Compressed columns are refused
// because they cannot be streamed by cells.
#pragma once

#include <string>
#include <vector>

#include "opened_file.h"

namespace sailer {

struct H5adOptions {
  // "X", "raw" or the name of a layer; "" finds the counts
  // (choose_matrix()).
  std::string layer = {};
  // For MuData; "" for other files.
  std::string modality = {};
  // Type of the features to keep, if var/feature_types has any of that type;
  // otherwise, or if "", all are kept.
  std::string feature_type = {};
};

OpenedFile open_h5ad(const std::string& path, const H5adOptions& options);

// Returns the names of the modalities of MuData; none for other files.
std::vector<std::string> modalities(const std::string& path);

// A column of obs. Only one of `texts`, `numbers` and `codes` is filled.
struct ObsColumn {
  enum class Kind { kText, kNumber, kInteger, kLogical, kCategorical };
  Kind kind = Kind::kText;
  std::vector<std::string> texts;
  std::vector<double> numbers;  // kNumber
  std::vector<int64_t> codes;   // kInteger, kLogical (0, 1), kCategorical
  std::vector<std::string> categories;  // kCategorical: code k is categories[k]
  bool ordered = false;
  std::vector<uint8_t> missing;  // empty, or 1 where there is no value
};

// Returns the names of the columns, in the file's order if known.
std::vector<std::string> obs_columns(const std::string& path,
                                     const std::string& modality = "");

// Throws Error(kArgument) if there is no such column and Error(kFile) if its
// type cannot be read.
ObsColumn read_obs(const std::string& path, const std::string& column,
                   const std::string& modality = "");

// Coordinates of the cells that are stored in obsm, such as "X_pca".
struct Coordinates {
  int64_t n_cells = 0;
  int64_t width = 0;
  std::vector<double> values;  // cell by cell
};

std::vector<std::string> obsm_names(const std::string& path,
                                    const std::string& modality = "");

// Throws Error(kArgument) if there are none of that name and Error(kFile) if
// they are not a dense matrix with a row for each cell.
Coordinates read_obsm(const std::string& path, const std::string& name,
                      const std::string& modality = "");

}  // namespace sailer
