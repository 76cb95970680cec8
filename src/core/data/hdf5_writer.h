// Writes HDF5 files of results: matrices in blocks, and the names of their rows
// and columns. No timestamps are stored, so the same values give the same
// bytes. Failures throw Error(kFile) with the file name and the reason.
//
// HDF5 cannot abandon a file after a failed write: its buffered data stays, is
// written again when the process exits, and may crash it. So before each write,
// disk space is reserved for it and for everything that HDF5 buffers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "readers/hdf5.h"

namespace sailer::hdf5 {

class FileWriter {
 public:
  // Creates the file, or truncates it. Messages call it `shown_as`.
  FileWriter(const std::string& path, const std::string& shown_as);

  // Creates a dataset of floats, last dimension fastest, to be written in
  // blocks. Its chunks are compressed if HDF5 was built with deflate. Blocks of
  // whole chunks are compressed only once. Values never written are undefined.
  void chunked(const std::string& name, const std::vector<int64_t>& shape,
               const std::vector<int64_t>& chunk);
  void write_block(const std::string& name, const std::vector<int64_t>& first,
                   const std::vector<int64_t>& count, const float* values);

  // Writes a vector of UTF-8 strings of any length.
  void texts(const std::string& name, const std::vector<std::string>& values);

  // Makes the string dataset scales[d] the names along dimension d of the
  // dataset `name`, for every d, following the conventions of HDF5 dimension
  // scales: `role` tells readers what the names are.
  void name_dimensions(const std::string& name,
                       const std::vector<std::string>& scales,
                       const std::string& role);

  // Writes buffered data and closes the file. The destructor closes it without
  // reporting failures, for files that are abandoned.
  void close();

 private:
  void reserve(int64_t n_bytes) const;
  Handle create(const std::string& name, hid_t type,
                const std::vector<int64_t>& shape, const Handle& plist) const;
  void attribute(const std::string& object, const std::string& name, hid_t type,
                 const Handle& space, const void* value) const;
  void fixed_text(const std::string& object, const std::string& name,
                  const std::string& text) const;
  hobj_ref_t reference_to(const std::string& object) const;
  void check(int64_t result) const;  // throws if an HDF5 call failed

  std::string path_, shown_as_;
  Handle link_plist_;
  Handle id_;
};

}  // namespace sailer::hdf5
