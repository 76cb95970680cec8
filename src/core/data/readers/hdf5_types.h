// Types of values in HDF5 files, for the sources of its wrapper.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hdf5.h"

namespace sailer::hdf5 {

ValueType value_type(hid_t type);

// Fills `out` with the texts of the file's type `stored`, of fixed or variable
// length and without padding, one for each value of `space`, that
// read(memory type, memory) brings. `member`: of that field of compound values.
// Negative, as HDF5 has it, where it fails.
herr_t read_texts(hid_t stored, hid_t space, const std::string& member,
                  std::vector<std::string>& out,
                  const std::function<herr_t(hid_t, void*)>& read);

// Unpacks what LZF packed; returns the bytes written, or 0 when the input is
// broken or holds more than `capacity`. Into null it only counts.
size_t unpack_lzf(const uint8_t* packed, size_t length, uint8_t* out,
                  size_t capacity);

}  // namespace sailer::hdf5
