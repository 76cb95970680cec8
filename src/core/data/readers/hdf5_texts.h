// Texts of fixed and variable length, and fields of compound values.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "hdf5.h"

namespace sailer::hdf5 {

ValueType value_type(hid_t type);

// The memory type that reads `type`, or the field `member` of compound values.
Handle memory_type(hid_t type, const std::string& member);

// Fills `out` with the texts of the file's type `stored`, without padding, that
// read(memory type, memory) brings or throws: one for each value of `space`.
template <typename Read>
void read_texts(hid_t stored, hid_t space, const std::string& member,
                std::vector<std::string>& out, const Read& read) {
  const bool variable = H5Tis_variable_str(stored) > 0;
  const size_t width = variable ? sizeof(char*) : H5Tget_size(stored);
  const Handle type = memory_type(stored, member);
  std::vector<char> memory(out.size() * width, '\0');
  read(type, memory.data());
  for (size_t k = 0; k < out.size(); ++k) {
    const char* text = memory.data() + k * width;
    if (variable) {
      std::memcpy(&text, memory.data() + k * width, width);
      out[k] = text == nullptr ? "" : text;
      continue;
    }
    out[k].assign(text, std::find(text, text + width, '\0'));
    if (H5Tget_strpad(stored) == H5T_STR_SPACEPAD) {
      out[k].resize(out[k].find_last_not_of(' ') + 1);
    }
  }
  if (!variable) return;
#if H5_VERSION_GE(1, 12, 0)
  H5Treclaim(type, space, H5P_DEFAULT, memory.data());
#else
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, memory.data());
#endif
}

}  // namespace sailer::hdf5
