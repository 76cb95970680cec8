// What opening a file of counts gives.
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
};

enum class FileLayout { kTenx, kH5ad };

// Looks inside, not at the extension. Throws Error(kFile), listing what was
// found, when it is neither.
FileLayout detect_layout(const std::string& path);

}  // namespace sailer
