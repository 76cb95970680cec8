// The LZF filter of h5py (32000), for reading: AnnData files are often written
// with it, and HDF5 itself does not have it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sailer::hdf5 {

// Registers the filter with HDF5 unless it has one of that number. May be
// called any number of times.
void provide_lzf();

// Unpacks what LZF packed; returns the bytes written, or 0 when the input is
// broken or holds more than `capacity`. Into null it only counts.
size_t unpack_lzf(const uint8_t* packed, size_t length, uint8_t* out,
                  size_t capacity);

}  // namespace sailer::hdf5
