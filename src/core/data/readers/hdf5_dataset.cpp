#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "../../support/error.h"
#include "hdf5.h"
#include "hdf5_lzf.h"
#include "hdf5_session.h"
#include "hdf5_types.h"

namespace sailer::hdf5 {

namespace {

const char* type_name(ValueType type) {
  switch (type) {
    case ValueType::kInteger:
      return "integers";
    case ValueType::kFloat:
      return "numbers";
    case ValueType::kBool:
      return "logical values";
    case ValueType::kString:
      return "strings";
    case ValueType::kCompound:
      return "compound values";
    case ValueType::kOther:
      return "values of another type";
  }
  return "values of another type";
}

}  // namespace

Dataset::Dataset(Handle id, std::string name, std::string file)
    : id_(std::move(id)), name_(std::move(name)), file_(std::move(file)) {
  Handle space(H5Dget_space(id_.get()), H5Sclose);
  Handle type(H5Dget_type(id_.get()), H5Tclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (!type.valid() || rank < 0) {
    throw Error(ErrorKind::kFile, "The " + describe() + " cannot be read" +
                                      Session::reason() + ".");
  }
  std::vector<hsize_t> extent(static_cast<size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr);
  shape_.assign(extent.begin(), extent.end());
  type_ = value_type(type.get());
  check_filters();
}

// A filter that this HDF5 lacks is found at open, not at the first read.
void Dataset::check_filters() const {
  Handle plist(H5Dget_create_plist(id_.get()), H5Pclose);
  const int count = H5Pget_nfilters(plist.get());
  if (count > 0) provide_lzf();
  for (int k = 0; k < count; ++k) {
    unsigned flags = 0;
    unsigned config = 0;
    size_t n_values = 0;
    char name[64] = "";
    const H5Z_filter_t filter =
        H5Pget_filter2(plist.get(), static_cast<unsigned>(k), &flags, &n_values,
                       nullptr, sizeof(name), name, &config);
    if (filter < 0 || H5Zfilter_avail(filter) > 0) continue;
    throw Error(ErrorKind::kFile,
                "The " + describe() + " is compressed with the filter '" +
                    name + "' (" + std::to_string(filter) +
                    "), which this HDF5 library lacks. Install its plugin and "
                    "name the folder in the environment variable "
                    "HDF5_PLUGIN_PATH before R starts, or write the file again "
                    "with gzip, in Python: adata.write_h5ad(path, "
                    "compression='gzip').");
  }
}

bool Dataset::holds_numbers() const {
  return type_ == ValueType::kInteger || type_ == ValueType::kFloat ||
         type_ == ValueType::kBool;
}

int64_t Dataset::size() const {
  return std::accumulate(shape_.begin(), shape_.end(), int64_t{1},
                         std::multiplies<int64_t>());
}

std::vector<int64_t> Dataset::chunk_shape() const {
  Session session;
  Handle plist(H5Dget_create_plist(id_.get()), H5Pclose);
  if (H5Pget_layout(plist.get()) != H5D_CHUNKED) return {};
  std::vector<hsize_t> chunk(shape_.size(), 1);
  H5Pget_chunk(plist.get(), static_cast<int>(chunk.size()), chunk.data());
  return {chunk.begin(), chunk.end()};
}

void Dataset::read_tile(const std::vector<int64_t>& first,
                        const std::vector<int64_t>& count, float* out) const {
  Session session;
  const std::vector<hsize_t> start(first.begin(), first.end());
  const std::vector<hsize_t> length(count.begin(), count.end());
  Handle file_space(H5Dget_space(id_.get()), H5Sclose);
  Handle memory_space(
      H5Screate_simple(static_cast<int>(length.size()), length.data(), nullptr),
      H5Sclose);
  if (H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(),
                          nullptr, length.data(), nullptr) < 0 ||
      H5Dread(id_.get(), H5T_NATIVE_FLOAT, memory_space.get(), file_space.get(),
              H5P_DEFAULT, out) < 0) {
    throw Error(ErrorKind::kFile,
                "The " + describe() + " cannot be read from row " +
                    std::to_string(first[0] + 1) + " on" + Session::reason() +
                    "; the file is damaged or cut short.");
  }
}

std::string Dataset::describe() const {
  return "dataset '" + name_ + "' of '" + file_ + "'";
}

void Dataset::expect(int64_t length, ValueType type) const {
  if (type == ValueType::kFloat ? !holds_numbers() : type_ != type) {
    throw Error(ErrorKind::kFile, "The " + describe() + " holds " +
                                      type_name(type_) + ", but " +
                                      type_name(type) + " were expected.");
  }
  if (shape_.size() != 1) {
    throw Error(ErrorKind::kFile, "The " + describe() + " has " +
                                      std::to_string(shape_.size()) +
                                      " dimensions, but one was expected.");
  }
  if (shape_[0] != length) {
    throw Error(ErrorKind::kFile,
                "The " + describe() + " has " + std::to_string(shape_[0]) +
                    " values, but " + std::to_string(length) +
                    " were expected; the file is damaged or incomplete.");
  }
}

void Dataset::read_slab(int64_t first, int64_t count, hid_t type,
                        void* out) const {
  if (count == 0) return;
  Session session;
  Handle file_space(H5Dget_space(id_.get()), H5Sclose);
  const hsize_t start = static_cast<hsize_t>(first);
  const hsize_t length = static_cast<hsize_t>(count);
  Handle memory_space(H5Screate_simple(1, &length, nullptr), H5Sclose);
  if (H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &start, nullptr,
                          &length, nullptr) < 0 ||
      H5Dread(id_.get(), type, memory_space.get(), file_space.get(),
              H5P_DEFAULT, out) < 0) {
    throw Error(ErrorKind::kFile,
                "The " + describe() + " cannot be read from value " +
                    std::to_string(first + 1) + " on" + Session::reason() +
                    "; the file is damaged or cut short.");
  }
}

void Dataset::read(int64_t first, int64_t count, int32_t* out) const {
  read_slab(first, count, H5T_NATIVE_INT32, out);
}

void Dataset::read(int64_t first, int64_t count, float* out) const {
  read_slab(first, count, H5T_NATIVE_FLOAT, out);
}

void Dataset::read_all(hid_t type, const std::string& member, void* out) const {
  if (size() == 0) return;
  Session session;
  Handle compound = member.empty() ? Handle() : member_of(type, member);
  if (H5Dread(id_.get(), compound.valid() ? compound.get() : type, H5S_ALL,
              H5S_ALL, H5P_DEFAULT, out) < 0) {
    throw Error(ErrorKind::kFile, "The " + describe() + " cannot be read" +
                                      Session::reason() +
                                      "; the file is damaged or cut short.");
  }
}

std::vector<int64_t> Dataset::integers(const std::string& member) const {
  std::vector<int64_t> values(static_cast<size_t>(size()));
  read_all(H5T_NATIVE_INT64, member, values.data());
  return values;
}

namespace {

// Doubles, as many as `stored` has.
Handle doubles_like(hid_t stored) {
  if (H5Tget_class(stored) != H5T_ARRAY) {
    return Handle(H5Tcopy(H5T_NATIVE_DOUBLE), H5Tclose);
  }
  hsize_t dims[H5S_MAX_RANK];
  const int rank = H5Tget_array_dims2(stored, dims);
  return Handle(
      H5Tarray_create2(H5T_NATIVE_DOUBLE, static_cast<unsigned>(rank), dims),
      H5Tclose);
}

}  // namespace

std::vector<double> Dataset::numbers(const std::string& member) const {
  if (member.empty()) {
    std::vector<double> values(static_cast<size_t>(size()));
    read_all(H5T_NATIVE_DOUBLE, member, values.data());
    return values;
  }
  Session session;
  const Handle stored = element_type(member);
  const Handle type = doubles_like(stored.get());
  const size_t width = H5Tget_size(type.get()) / sizeof(double);
  std::vector<double> values(static_cast<size_t>(size()) * width);
  read_all(type.get(), member, values.data());
  return values;
}

std::vector<std::string> Dataset::strings(const std::string& member) const {
  Session session;
  Handle type = element_type(member);
  if (value_type(type.get()) != ValueType::kString) {
    throw Error(ErrorKind::kFile, "The " + describe() + " holds " +
                                      type_name(value_type(type.get())) +
                                      ", but strings were expected.");
  }
  if (size() == 0) return {};
  Handle space(H5Dget_space(id_.get()), H5Sclose);
  StringBuffer buffer(type.get(), space.get(), static_cast<size_t>(size()),
                      member);
  if (H5Dread(id_.get(), buffer.type(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
              buffer.data()) < 0) {
    throw Error(ErrorKind::kFile, "The " + describe() + " cannot be read" +
                                      Session::reason() +
                                      "; the file is damaged or cut short.");
  }
  return buffer.texts();
}

Handle Dataset::element_type(const std::string& member) const {
  Handle type(H5Dget_type(id_.get()), H5Tclose);
  if (member.empty()) return type;
  const int index = H5Tget_member_index(type.get(), member.c_str());
  if (index < 0) {
    throw Error(ErrorKind::kFile,
                "The " + describe() + " has no field '" + member + "'.");
  }
  return Handle(H5Tget_member_type(type.get(), static_cast<unsigned>(index)),
                H5Tclose);
}

std::vector<std::string> Dataset::members() const {
  Session session;
  Handle type(H5Dget_type(id_.get()), H5Tclose);
  std::vector<std::string> names;
  if (type_ != ValueType::kCompound) return names;
  const int count = H5Tget_nmembers(type.get());
  for (int k = 0; k < count; ++k) {
    char* name = H5Tget_member_name(type.get(), static_cast<unsigned>(k));
    names.emplace_back(name);
    H5free_memory(name);
  }
  return names;
}

ValueType Dataset::member_type(const std::string& member) const {
  Session session;
  return value_type(element_type(member).get());
}

}  // namespace sailer::hdf5
