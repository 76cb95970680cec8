// Types of HDF5 values, and strings of fixed and variable length.
#pragma once

#include <hdf5.h>

#include <string>
#include <vector>

#include "hdf5.h"

namespace sailer::hdf5 {

ValueType value_type(hid_t type);

// Opens a dataset with a cache that holds its chunks, of a matrix a whole row
// of them (up to 256 MB), so that neighbouring reads do not unpack the same
// chunk again. Negative on failure.
hid_t open_dataset(hid_t file, const std::string& name);

// Memory for `count` strings of the file's type `type` in the space `space`.
// Read into data() with type(); texts() then holds them without padding.
class StringBuffer {
 public:
  // `member`: field of a compound dataset to read, or "".
  StringBuffer(hid_t type, hid_t space, size_t count,
               const std::string& member = "");
  ~StringBuffer();
  StringBuffer(const StringBuffer&) = delete;
  StringBuffer& operator=(const StringBuffer&) = delete;

  hid_t type() const;
  void* data();
  std::vector<std::string> texts() const;

 private:
  bool variable_;
  H5T_str_t padding_;
  size_t width_;
  size_t count_;
  hid_t space_;
  Handle string_type_;
  Handle compound_type_;  // invalid unless a member was asked for
  std::vector<char> bytes_;
  std::vector<char*> pointers_;
};

// The memory type that reads `type`, or the field `member` of compound values.
Handle member_of(hid_t type, const std::string& member);

}  // namespace sailer::hdf5
