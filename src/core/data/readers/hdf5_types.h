// Types of values in HDF5 files, internal to the HDF5 wrapper.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hdf5.h"

namespace sailer::hdf5 {

ValueType value_type(hid_t type);

// Fills `out` with the strings that read(memory type, memory) reads, one for
// each value of `space` and without padding. `stored` is their type in the
// file, of fixed or variable length; `member`, if any, their field of compound
// values. Returns a negative value on failure, as HDF5 does.
herr_t read_texts(hid_t stored, hid_t space, const std::string& member,
                  std::vector<std::string>& out,
                  const std::function<herr_t(hid_t, void*)>& read);

// Decompresses LZF data. Returns the number of bytes written, or 0 if the input
// is corrupt or needs more than `capacity`. If `out` is null it only counts.
size_t unpack_lzf(const uint8_t* packed, size_t length, uint8_t* out,
                  size_t capacity);

}  // namespace sailer::hdf5
