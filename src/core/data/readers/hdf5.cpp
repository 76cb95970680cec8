#include "hdf5.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "../../support/error.h"
#include "hdf5_session.h"
#include "hdf5_types.h"

namespace sailer::hdf5 {

namespace {

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorKind::kFile, message);
}

// What can be said of a path before HDF5 sees it.
void check_path(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error)) {
    fail("The file '" + path + "' does not exist.");
  }
  if (fs::is_directory(path, error)) {
    fail("'" + path + "' is a folder; give the path of an HDF5 file in it.");
  }
  if (fs::file_size(path, error) == 0 && !error) {
    fail("The file '" + path + "' is empty; copy or download it again.");
  }
  if (H5Fis_hdf5(path.c_str()) <= 0) {
    fail("The file '" + path +
         "' is not an HDF5 file. Expected is a 10x .h5, an .h5ad or an .mtx "
         "file; other text (.csv) is read by other packages and given as a "
         "matrix.");
  }
}

bool tracks_order(hid_t group) {
  Handle plist(H5Gget_create_plist(group), H5Pclose);
  unsigned flags = 0;
  return H5Pget_link_creation_order(plist.get(), &flags) >= 0 &&
         (flags & H5P_CRT_ORDER_TRACKED) != 0;
}

}  // namespace

// Handle ----------------------------------------------------------------------

Handle::Handle(Handle&& other) noexcept
    : id_(std::exchange(other.id_, -1)), close_(other.close_) {}

Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

hid_t Handle::release() { return std::exchange(id_, -1); }

Handle::~Handle() {
  if (id_ < 0) return;
  Session session;
  close_(id_);
}

// File ------------------------------------------------------------------------

File::File(const std::string& path) : path_(path) {
  Session session;
  check_path(path);
  id_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!id_.valid()) {
    fail("The HDF5 file '" + path +
         "' cannot be opened; it may be cut short or damaged, or in use" +
         Session::reason() + ". Copy or download it again.");
  }
}

std::string File::name() const {
  return std::filesystem::path(path_).filename().string();
}

bool File::has(const std::string& object) const {
  Session session;
  if (object == "/") return true;
  // H5Lexists asks for one step at a time.
  for (size_t at = object.find('/', 1);; at = object.find('/', at + 1)) {
    const std::string step = object.substr(0, at);
    if (H5Lexists(id_.get(), step.c_str(), H5P_DEFAULT) <= 0) return false;
    if (at == std::string::npos) break;
  }
  return H5Oexists_by_name(id_.get(), object.c_str(), H5P_DEFAULT) > 0;
}

bool File::is_group(const std::string& object) const {
  Session session;
  if (!has(object)) return false;
  Handle handle(H5Oopen(id_.get(), object.c_str(), H5P_DEFAULT), H5Oclose);
  return handle.valid() && H5Iget_type(handle.get()) == H5I_GROUP;
}

bool File::is_dataset(const std::string& object) const {
  Session session;
  if (!has(object)) return false;
  Handle handle(H5Oopen(id_.get(), object.c_str(), H5P_DEFAULT), H5Oclose);
  return handle.valid() && H5Iget_type(handle.get()) == H5I_DATASET;
}

std::vector<std::string> File::children(const std::string& group) const {
  return list_children(group, false);
}

std::vector<std::string> File::children_in_order(
    const std::string& group) const {
  return list_children(group, true);
}

std::vector<std::string> File::list_children(const std::string& group,
                                             bool in_order) const {
  Session session;
  Handle handle(H5Gopen2(id_.get(), group.c_str(), H5P_DEFAULT), H5Gclose);
  H5G_info_t info;
  if (!handle.valid() || H5Gget_info(handle.get(), &info) < 0) {
    fail("The group '" + group + "' of '" + path_ + "' cannot be read" +
         Session::reason() + ".");
  }
  const H5_index_t index = in_order && tracks_order(handle.get())
                               ? H5_INDEX_CRT_ORDER
                               : H5_INDEX_NAME;
  std::vector<std::string> names;
  for (hsize_t k = 0; k < info.nlinks; ++k) {
    const ssize_t length = H5Lget_name_by_idx(
        handle.get(), ".", index, H5_ITER_INC, k, nullptr, 0, H5P_DEFAULT);
    if (length < 0) continue;
    std::string name(static_cast<size_t>(length) + 1, '\0');
    H5Lget_name_by_idx(handle.get(), ".", index, H5_ITER_INC, k, name.data(),
                       name.size(), H5P_DEFAULT);
    name.pop_back();
    names.push_back(std::move(name));
  }
  return names;
}

Dataset File::dataset(const std::string& name) const {
  Session session;
  if (!has(name)) {
    fail("The file '" + path_ + "' has no dataset '" + name +
         "'; it may be written by an interrupted program.");
  }
  Handle handle(open_dataset(id_.get(), name), H5Dclose);
  if (!handle.valid()) {
    fail("The dataset '" + name + "' of '" + path_ + "' cannot be opened" +
         Session::reason() + "; is it a group, or is the file damaged?");
  }
  return Dataset(std::move(handle), name, path_);
}

// Attributes ------------------------------------------------------------------

void File::read_attribute(const Handle& attribute, const std::string& object,
                          const std::string& name, hid_t type,
                          void* out) const {
  if (H5Aread(attribute.get(), type, out) < 0) {
    fail("The attribute '" + name + "' of '" + object + "' in '" + path_ +
         "' cannot be read" + Session::reason() + ".");
  }
}

Handle File::open_attribute(const std::string& object,
                            const std::string& name) const {
  if (!has(object) || H5Aexists_by_name(id_.get(), object.c_str(), name.c_str(),
                                        H5P_DEFAULT) <= 0) {
    return {};
  }
  return Handle(H5Aopen_by_name(id_.get(), object.c_str(), name.c_str(),
                                H5P_DEFAULT, H5P_DEFAULT),
                H5Aclose);
}

std::vector<std::string> File::texts_attribute(const std::string& object,
                                               const std::string& name) const {
  Session session;
  Handle attribute = open_attribute(object, name);
  if (!attribute.valid()) return {};
  Handle type(H5Aget_type(attribute.get()), H5Tclose);
  Handle space(H5Aget_space(attribute.get()), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (H5Tget_class(type.get()) != H5T_STRING || count <= 0) return {};
  StringBuffer buffer(type.get(), space.get(), static_cast<size_t>(count));
  read_attribute(attribute, object, name, buffer.type(), buffer.data());
  return buffer.texts();
}

std::optional<std::string> File::text_attribute(const std::string& object,
                                                const std::string& name) const {
  const std::vector<std::string> texts = texts_attribute(object, name);
  if (texts.empty()) return std::nullopt;
  return texts[0];
}

std::vector<int64_t> File::integers_attribute(const std::string& object,
                                              const std::string& name) const {
  Session session;
  Handle attribute = open_attribute(object, name);
  if (!attribute.valid()) return {};
  Handle type(H5Aget_type(attribute.get()), H5Tclose);
  Handle space(H5Aget_space(attribute.get()), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  const ValueType kind = value_type(type.get());
  if (kind != ValueType::kInteger && kind != ValueType::kBool) return {};
  if (count <= 0) return {};
  std::vector<int64_t> values(static_cast<size_t>(count));
  read_attribute(attribute, object, name, H5T_NATIVE_INT64, values.data());
  return values;
}

}  // namespace sailer::hdf5
