// The little of HDF5's C API that reading counts takes, safe to use.
//
// Identifiers close themselves; the library's error stack is never printed.
// Failures throw Error(kFile) that names the file, the dataset and HDF5's own
// reason. For the thread of the program alone (hdf5_session.h).
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sailer::hdf5 {

// Owns an HDF5 identifier.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Closer close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  ~Handle();

  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  hid_t release();  // the caller closes it

 private:
  hid_t id_ = -1;
  Closer close_ = nullptr;
};

enum class ValueType { kInteger, kFloat, kBool, kString, kCompound, kOther };

class Dataset {
 public:
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t size() const;  // number of values

  // Of each dimension; empty where the dataset is in one piece.
  std::vector<int64_t> chunk_shape() const;

  // The values [first, first + count) in each of several dimensions, the last
  // one running fastest.
  void read_tile(const std::vector<int64_t>& first,
                 const std::vector<int64_t>& count, float* out) const;
  ValueType type() const { return type_; }
  bool holds_numbers() const;

  // For messages: "dataset 'matrix/indptr' of 'pbmc.h5'".
  std::string describe() const;

  // Throws unless the dataset is one-dimensional of that length and type.
  void expect(int64_t length, ValueType type) const;

  // The values [first, first + count) of a one-dimensional dataset, converted.
  void read(int64_t first, int64_t count, int32_t* out) const;
  void read(int64_t first, int64_t count, float* out) const;

  // All values. `member`: of that field, when the dataset is compound; numbers
  // may then be several in each row.
  std::vector<int64_t> integers(const std::string& member = "") const;
  std::vector<double> numbers(const std::string& member = "") const;
  std::vector<std::string> strings(const std::string& member = "") const;

  // Fields of a compound dataset, and the type of one.
  std::vector<std::string> members() const;
  ValueType member_type(const std::string& member) const;

 private:
  friend class File;
  Dataset(Handle id, std::string name, std::string file);
  void check_filters() const;
  void read_slab(int64_t first, int64_t count, hid_t type, void* out) const;
  void read_all(hid_t type, const std::string& member, void* out) const;
  Handle element_type(const std::string& member) const;

  Handle id_;
  std::string name_;
  std::string file_;
  std::vector<int64_t> shape_;
  ValueType type_ = ValueType::kOther;
};

class File {
 public:
  explicit File(const std::string& path);  // for reading

  const std::string& path() const { return path_; }
  std::string name() const;  // without the folders

  bool has(const std::string& object) const;
  bool is_group(const std::string& object) const;
  bool is_dataset(const std::string& object) const;
  std::vector<std::string> children(const std::string& group) const;
  // In the order in which they were written, where the file tells it.
  std::vector<std::string> children_in_order(const std::string& group) const;
  Dataset dataset(const std::string& name) const;

  // Attributes of a group or dataset; nothing when absent.
  std::optional<std::string> text_attribute(const std::string& object,
                                            const std::string& name) const;
  std::vector<std::string> texts_attribute(const std::string& object,
                                           const std::string& name) const;
  std::vector<int64_t> integers_attribute(const std::string& object,
                                          const std::string& name) const;

 private:
  std::vector<std::string> list_children(const std::string& group,
                                         bool in_order) const;
  Handle open_attribute(const std::string& object,
                        const std::string& name) const;
  void read_attribute(const Handle& attribute, const std::string& object,
                      const std::string& name, hid_t type, void* out) const;

  std::string path_;
  Handle id_;
};

}  // namespace sailer::hdf5
