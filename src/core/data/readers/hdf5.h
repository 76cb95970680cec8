// A safe wrapper of the small part of HDF5's C API that reading counts needs.
//
// Identifiers are closed automatically; failures throw Error(kFile) with the
// file, the dataset and HDF5's own reason. HDF5 may be built without thread
// safety, and other packages use the same library, so all calls must be made on
// the main thread, R's.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../../support/error.h"

namespace sailer::hdf5 {

// A scope in which HDF5 does not print its errors.
class Session {
 public:
  Session() {
    H5Eget_auto2(H5E_DEFAULT, &printer_, &printer_data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Session() { H5Eset_auto2(H5E_DEFAULT, printer_, printer_data_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Returns why the last call failed: " (HDF5: <reason>)", or "" if unknown.
  static std::string reason();

 private:
  H5E_auto2_t printer_ = nullptr;  // as other users of HDF5 had set it
  void* printer_data_ = nullptr;
};

// Owns an HDF5 identifier.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Closer close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept { *this = std::move(other); }
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (!valid()) return;
    Session session;
    close_(id_);
  }

  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }
  hid_t release() { return std::exchange(id_, -1); }  // the caller closes it

 private:
  hid_t id_ = -1;
  Closer close_ = nullptr;
};

enum class ValueType { kInteger, kFloat, kBool, kString, kCompound, kOther };

// Positions or sizes, one per dimension.
using Extent = std::vector<int64_t>;

class Dataset {
 public:
  const Extent& shape() const { return shape_; }
  int64_t size() const;  // number of values

  // One size per dimension; empty if the dataset is not chunked.
  Extent chunk_shape() const;

  ValueType type() const { return type_; }
  int64_t value_bytes() const;
  bool holds_numbers() const;

  // For messages: "dataset 'matrix/indptr' of 'pbmc.h5'".
  std::string describe() const {
    return "dataset '" + name_ + "' of '" + file_ + "'";
  }

  // Throws Error(kFile) that names the dataset unless `holds`.
  template <typename... Parts>
  void check(bool holds, const Parts&... what) const {
    if (!holds) throw_error(ErrorKind::kFile, "The ", describe(), what..., ".");
  }

  // Throws unless the dataset is one-dimensional of that length and type.
  void expect(int64_t length, ValueType type) const;

  // Reads the values [first, first + count) of each dimension, the last one
  // varying fastest, and converts them to the type of `out`.
  void read(const Extent& first, const Extent& count, int32_t* out) const {
    read_block(first, count, H5T_NATIVE_INT32, out);
  }
  void read(const Extent& first, const Extent& count, float* out) const {
    read_block(first, count, H5T_NATIVE_FLOAT, out);
  }

  // Return all values, of the field `member` if the dataset is compound. For a
  // field, numbers() may return several values per row.
  std::vector<int64_t> integers(const std::string& member = "") const;
  std::vector<double> numbers(const std::string& member = "") const;
  std::vector<std::string> strings(const std::string& member = "") const;

  // Fields of a compound dataset, and the type of a field.
  std::vector<std::string> members() const;
  ValueType member_type(const std::string& member) const;

 private:
  friend class File;
  Dataset(Handle id, std::string name, std::string file);
  void read_block(const Extent& first, const Extent& count, hid_t type,
                  void* out) const;
  void read_all(hid_t type, const std::string& member, void* out) const;
  Handle element_type(const std::string& member) const;
  [[noreturn]] void fail_to_read(const std::string& where = "") const;

  Handle id_;
  std::string name_, file_;
  Extent shape_;
  ValueType type_ = ValueType::kOther;
};

class File {
 public:
  explicit File(const std::string& path);  // for reading

  const std::string& path() const { return path_; }
  std::string name() const;  // without folders

  // Throws Error(kFile) that names the file unless `holds`.
  template <typename... Parts>
  void check(bool holds, const Parts&... what) const {
    if (!holds) throw_file_error(path_, what...);
  }

  bool has(const std::string& object) const;
  bool is_group(const std::string& object) const {
    return is(object, H5I_GROUP);
  }
  bool is_dataset(const std::string& object) const {
    return is(object, H5I_DATASET);
  }
  // In the order of creation if the file tracks it, else sorted by name.
  std::vector<std::string> children(const std::string& group) const;
  Dataset dataset(const std::string& name) const;

  // Attributes of a group or dataset; empty, or `absent`, if missing.
  std::string text_attribute(const std::string& object, const std::string& name,
                             const std::string& absent = "") const;
  std::vector<std::string> texts_attribute(const std::string& object,
                                           const std::string& name) const;
  std::vector<int64_t> integers_attribute(const std::string& object,
                                          const std::string& name) const;

 private:
  bool is(const std::string& object, H5I_type_t type) const;
  // Calls read(attribute, type, space, number of values) if the attribute
  // exists.
  using ReadAttribute = std::function<herr_t(hid_t, hid_t, hid_t, size_t)>;
  void read_attribute(const std::string& object, const std::string& name,
                      const ReadAttribute& read) const;

  std::string path_;
  Handle id_;
};

}  // namespace sailer::hdf5
