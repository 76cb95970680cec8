#include <cstring>

#include "hdf5_types.h"

namespace sailer::hdf5 {

namespace {

constexpr H5Z_filter_t kLzf = 32000;
constexpr size_t kBytesOfChunk = 2;  // which of the filter's values that is

// HDF5 calls this for each chunk. *buffer is its own. h5py names the bytes of a
// chunk beside the filter, but not where they are strings.
size_t filter_lzf(unsigned flags, size_t n_values, const unsigned* values,
                  size_t n_bytes, size_t* buffer_size, void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;
  const auto* packed = static_cast<const uint8_t*>(*buffer);
  const size_t length = unpack_lzf(packed, n_bytes, nullptr, SIZE_MAX);
  const size_t named = n_values > kBytesOfChunk ? values[kBytesOfChunk] : 0;
  if (length == 0 || (named != 0 && named != length)) return 0;
  void* out = H5allocate_memory(length, false);
  if (out == nullptr) return 0;
  if (unpack_lzf(packed, n_bytes, static_cast<uint8_t*>(out), length) == 0) {
    H5free_memory(out);
    return 0;
  }
  H5free_memory(*buffer);
  *buffer = out;
  *buffer_size = length;
  return length;
}

}  // namespace

// A control byte below 32 comes before that many bytes and one, to be copied as
// they are. Of others the three highest bits are the length of a repeat less
// two (7: a byte with more follows), the rest and the next byte how far back it
// begins, less one. It may overlap with what it writes.
size_t unpack_lzf(const uint8_t* packed, size_t length, uint8_t* out,
                  size_t capacity) {
  size_t at = 0;
  size_t written = 0;
  while (at < length) {
    const size_t control = packed[at++];
    if (control < 32) {
      const size_t run = control + 1;
      if (run > length - at || run > capacity - written) return 0;
      if (out != nullptr) std::memcpy(out + written, packed + at, run);
      at += run;
      written += run;
      continue;
    }
    size_t run = (control >> 5) + 2;
    if (run == 9) {
      if (at >= length) return 0;
      run += packed[at++];
    }
    if (at >= length) return 0;
    const size_t back = ((control & 31) << 8) + packed[at++] + 1;
    if (back > written || run > capacity - written) return 0;
    for (size_t k = 0; k < run; ++k, ++written) {
      if (out != nullptr) out[written] = out[written - back];
    }
  }
  return written;
}

void provide_lzf() {
  Session session;
  if (H5Zfilter_avail(kLzf) > 0) return;
  constexpr unsigned kPacks = 0, kUnpacks = 1;
  const H5Z_class2_t lzf = {H5Z_CLASS_T_VERS, kLzf,      kPacks,
                            kUnpacks,         "lzf",     nullptr,
                            nullptr,          filter_lzf};
  H5Zregister(&lzf);
}

}  // namespace sailer::hdf5
