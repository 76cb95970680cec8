// Writes HDF5 files: groups, datasets of numbers and text, attributes.
//
// Groups keep the order in which their members were written, and nothing of the
// clock is stored: the same values give the same bytes. Numbers are stored in
// the type they have, in one piece and uncompressed, or block by block in
// compressed chunks. Failures throw Error(kFile) that names the file and the
// system's own reason.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hdf5_disk.h"
#include "readers/hdf5.h"

namespace sailer::hdf5 {

class FileWriter {
 public:
  // Creates the file, or empties it. The first `user_block` bytes (0 or a power
  // of two from 512 on) stay free for others. Messages name `shown_as`.
  explicit FileWriter(const std::string& path, int64_t user_block = 0,
                      const std::string& shown_as = "");

  void group(const std::string& name);

  // Datasets of any rank, last dimension fastest; no shape is a single value.
  void numbers(const std::string& name, const std::vector<int64_t>& shape,
               NumberType type, const void* values);
  void write(const std::string& name, const std::vector<int64_t>& shape,
             const float* values) {
    numbers(name, shape, NumberType::kFloat32, values);
  }
  void write(const std::string& name, const std::vector<int64_t>& shape,
             const double* values) {
    numbers(name, shape, NumberType::kFloat64, values);
  }
  void write(const std::string& name, const std::vector<int64_t>& shape,
             const int32_t* values) {
    numbers(name, shape, NumberType::kInt32, values);
  }
  void write(const std::string& name, const std::vector<int64_t>& shape,
             const int64_t* values) {
    numbers(name, shape, NumberType::kInt64, values);
  }
  void write(const std::string& name, const std::vector<int64_t>& shape,
             const uint8_t* values) {
    numbers(name, shape, NumberType::kUInt8, values);
  }

  // A dataset of floats, to be written by blocks, in compressed chunks (as they
  // are where HDF5 was built without). Blocks that are made of whole chunks are
  // packed once. Of what was never written nothing can be said.
  void chunked(const std::string& name, const std::vector<int64_t>& shape,
               const std::vector<int64_t>& chunk);
  void write_block(const std::string& name, const std::vector<int64_t>& first,
                   const std::vector<int64_t>& count, const float* values);

  // Makes the dataset of texts `scale` the names along a dimension of another
  // one, by the conventions of HDF5's dimension scales: `role` tells readers
  // what they are. Once for each dimension of `name`, in their order.
  void name_dimensions(const std::string& name,
                       const std::vector<std::string>& scales,
                       const std::string& role);

  // UTF-8 text of variable length.
  void texts(const std::string& name, const std::vector<int64_t>& shape,
             const std::vector<const char*>& values);

  // Attributes of a group or dataset; "/" is the file's own.
  void attribute(const std::string& object, const std::string& name,
                 const std::string& text);
  void attribute(const std::string& object, const std::string& name,
                 int64_t value);
  void attribute(const std::string& object, const std::string& name,
                 double value);

  // Writes what is held back and closes. Destruction closes without telling of
  // failures: for files that are given up.
  void close();

 private:
  Handle create(const std::string& name, const std::vector<int64_t>& shape,
                hid_t type, bool numbers);
  void attribute(const std::string& object, const std::string& name, hid_t type,
                 const void* value);
  void fixed_text(const std::string& object, const std::string& name,
                  const std::string& text);
  void refer_to(const std::string& scale, const std::string& name,
                int dimension);
  // Throws when HDF5 (a negative `result`) or the disk has refused.
  void check(int64_t result) const;

  std::string shown_as_;
  std::unique_ptr<WriteFailure> failure_;
  Handle link_plist_;
  Handle id_;
};

// A name of any characters as that of a single link, and back: "/", "%", a
// first "[" and a lone "." are written as "%2F", "%25", "%5B" and "%2E".
std::string link_name(const std::string& name);
std::string name_of_link(const std::string& link);

}  // namespace sailer::hdf5
