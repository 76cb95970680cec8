// Writes HDF5 files of results: matrices by blocks, and the names of their rows
// and columns. Nothing of the clock is stored: the same values give the same
// bytes. Failures throw Error(kFile) that names the file and the reason.
//
// HDF5 cannot give up a file when the disk refuses a write: what it holds back
// stays, is tried again when the process ends, and may crash it. So before each
// write room is reserved for it and for what HDF5 holds back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "readers/hdf5.h"

namespace sailer::hdf5 {

class FileWriter {
 public:
  // Creates the file, or empties it. Messages name `shown_as`.
  FileWriter(const std::string& path, const std::string& shown_as);

  // A dataset of floats, last dimension fastest, to be written by blocks, in
  // compressed chunks (as they are where HDF5 was built without). Blocks that
  // are made of whole chunks are packed once. Of what was never written nothing
  // can be said.
  void chunked(const std::string& name, const std::vector<int64_t>& shape,
               const std::vector<int64_t>& chunk);
  void write_block(const std::string& name, const std::vector<int64_t>& first,
                   const std::vector<int64_t>& count, const float* values);

  // A vector of UTF-8 texts of any length.
  void texts(const std::string& name, const std::vector<std::string>& values);

  // Makes the dataset of texts `scale` the names along a dimension of another
  // one, by the conventions of HDF5's dimension scales: `role` tells readers
  // what they are. Once for each dimension of `name`, in their order.
  void name_dimensions(const std::string& name,
                       const std::vector<std::string>& scales,
                       const std::string& role);

  // Writes what is held back and closes. Destruction closes without telling of
  // failures: for files that are given up.
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
  void check(int64_t result) const;  // throws when HDF5 has refused

  std::string path_, shown_as_;
  Handle link_plist_;
  Handle id_;
};

}  // namespace sailer::hdf5
