// Counts in an h5ad file (AnnData), cells x features as compressed rows.
//
// Read are the layouts of AnnData from 0.5 (h5sparse attributes, obs and var as
// tables of compound values) to today's (encoding-type attributes). Compressed
// columns and dense matrices are refused: they cannot be streamed by cells.
#pragma once

#include <string>
#include <vector>

#include "opened_file.h"

namespace sailer {

struct H5adOptions {
  // Name in `layers`; "" reads X, "raw" the raw counts that AnnData keeps aside
  // (raw/X) when there is no layer of that name.
  std::string layer;
};

OpenedFile open_h5ad(const std::string& path, const H5adOptions& options);

// A column of obs. Exactly one of the vectors is filled.
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

// Names of the columns, in the file's order where it is known.
std::vector<std::string> obs_columns(const std::string& path);

// Throws Error(kArgument) when there is no such column and Error(kFile) when
// its type cannot be read.
ObsColumn read_obs(const std::string& path, const std::string& column);

}  // namespace sailer
