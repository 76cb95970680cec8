// The header of a tensor file between text and structure; see tensor_file.h.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tensor_file.h"

namespace sailer {

struct TensorHeader {
  struct Entry {
    std::string name, dtype;
    std::vector<int64_t> shape;
    int64_t first = 0, end = 0;  // bytes of the data
  };
  std::map<std::string, std::string> metadata;
  std::vector<Entry> entries;  // as they stand in the text
};

// `metadata` in the order of its keys.
std::string format_header(const TensorHeader& header);

// Takes what safetensors allows, and nothing else of JSON. Throws
// Error(kFile) that says what is wrong, for a message after a colon.
TensorHeader parse_header(const std::string& text);

}  // namespace sailer
