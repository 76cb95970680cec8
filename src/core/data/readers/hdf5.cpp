#include "hdf5.h"

#include <algorithm>
#include <filesystem>

#include "../../support/error.h"
#include "hdf5_types.h"

namespace sailer::hdf5 {

namespace {

// Checks a path before HDF5 opens it.
void check_path(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto check = [&](bool holds, const char* what) {
    if (!holds) throw_file_error(path, what);
  };
  check(fs::exists(path, error), "does not exist");
  check(!fs::is_directory(path, error),
        "is a folder; give the path of an HDF5 file in it");
  check(fs::file_size(path, error) > 0 || error,
        "is empty; copy or download it again");
  check(H5Fis_hdf5(path.c_str()) > 0,
        "is not an HDF5 file. Expected a 10x .h5, an .h5ad or an .mtx file; "
        "other text (.csv) is read by other packages and given as a matrix");
}

bool tracks_order(hid_t group) {
  const Handle plist(H5Gget_create_plist(group), H5Pclose);
  unsigned flags = 0;
  return H5Pget_link_creation_order(plist, &flags) >= 0 &&
         (flags & H5P_CRT_ORDER_TRACKED) != 0;
}

}  // namespace

std::string Session::reason() {
  std::string text;
  const auto take_innermost = [](unsigned depth, const H5E_error2_t* error,
                                 void* to) -> herr_t {
    if (depth > 0 || error->desc == nullptr) return 0;
    *static_cast<std::string*>(to) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &text);
  if (text.empty()) return "";
  std::string result = " (HDF5: " + text + ")";
  if (text.find("lock") != std::string::npos) {
    result +=
        ". If no other program writes to the file, set the environment "
        "variable HDF5_USE_FILE_LOCKING to FALSE and start R again";
  }
  return result;
}

File::File(const std::string& path) : path_(path) {
  Session session;
  check_path(path);
  id_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
  if (!id_.valid()) {
    throw_error(ErrorKind::kFile, "The HDF5 file '", path,
                "' cannot be opened; it may be cut short or damaged, or in use",
                Session::reason(), ". Copy or download it again.");
  }
}

std::string File::name() const {
  return std::filesystem::path(path_).filename().string();
}

bool File::has(const std::string& object) const {
  Session session;
  if (object == "/") return true;
  // H5Lexists must be called for each step of the path in turn.
  for (size_t at = object.find('/', 1);; at = object.find('/', at + 1)) {
    const std::string step = object.substr(0, at);
    if (H5Lexists(id_, step.c_str(), H5P_DEFAULT) <= 0) return false;
    if (at == std::string::npos) break;
  }
  return H5Oexists_by_name(id_, object.c_str(), H5P_DEFAULT) > 0;
}

bool File::is(const std::string& object, H5I_type_t type) const {
  Session session;
  if (!has(object)) return false;
  const Handle handle(H5Oopen(id_, object.c_str(), H5P_DEFAULT), H5Oclose);
  return handle.valid() && H5Iget_type(handle) == type;
}

std::vector<std::string> File::children(const std::string& group) const {
  Session session;
  const Handle handle(H5Gopen2(id_, group.c_str(), H5P_DEFAULT), H5Gclose);
  H5G_info_t info;
  if (!handle.valid() || H5Gget_info(handle, &info) < 0) {
    throw_error(ErrorKind::kFile, "The group '", group, "' of '", path_,
                "' cannot be read", Session::reason(), ".");
  }
  const H5_index_t index =
      tracks_order(handle) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  std::vector<std::string> names;
  for (hsize_t k = 0; k < info.nlinks; ++k) {
    const auto get = [&](char* name, size_t size) {
      return H5Lget_name_by_idx(handle, ".", index, H5_ITER_INC, k, name, size,
                                H5P_DEFAULT);
    };
    const ssize_t length = get(nullptr, 0);
    if (length < 0) continue;
    names.emplace_back(length, '\0');
    get(names.back().data(), length + 1);
  }
  return names;
}

// Opens the dataset with a chunk cache that holds, for a matrix, a whole row of
// chunks, so that neighbouring reads do not decompress the same chunk again.
Dataset File::dataset(const std::string& name) const {
  constexpr int64_t kLeastCache = int64_t{4} << 20,
                    kMostCache = int64_t{256} << 20;
  constexpr size_t kSlots = 12421;  // a prime, well above the chunks held
  Session session;
  check(has(name), "has no dataset '", name,
        "'; it may be written by an interrupted program");
  Handle id(H5Dopen2(id_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!id.valid()) {
    throw_error(ErrorKind::kFile, "The dataset '", name, "' of '", path_,
                "' cannot be opened", Session::reason(),
                "; is it a group, or is the file damaged?");
  }
  Dataset found(std::move(id), name, path_);
  const Extent chunk = found.chunk_shape();
  if (chunk.empty()) return found;
  int64_t bytes = found.value_bytes(), in_row = 1;
  for (size_t k = 0; k < chunk.size(); ++k) {
    bytes *= chunk[k];
    if (k > 0) in_row *= (found.shape()[k] + chunk[k] - 1) / chunk[k];
  }
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access, kSlots,
                     std::clamp((in_row + 3) * bytes, kLeastCache, kMostCache),
                     H5D_CHUNK_CACHE_W0_DEFAULT);
  found.id_ = Handle();  // close first, or HDF5 would keep the old cache
  found.id_ = Handle(H5Dopen2(id_, name.c_str(), access), H5Dclose);
  return found;
}

void File::read_attribute(const std::string& object, const std::string& name,
                          const ReadAttribute& read) const {
  Session session;
  if (!has(object) ||
      H5Aexists_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) {
    return;
  }
  const Handle attribute(H5Aopen_by_name(id_, object.c_str(), name.c_str(),
                                         H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count <= 0 || read(attribute, type, space, count) >= 0) return;
  throw_error(ErrorKind::kFile, "The attribute '", name, "' of '", object,
              "' in '", path_, "' cannot be read", Session::reason(), ".");
}

std::vector<std::string> File::texts_attribute(const std::string& object,
                                               const std::string& name) const {
  std::vector<std::string> texts;
  read_attribute(
      object, name, [&](hid_t id, hid_t type, hid_t space, size_t count) {
        if (value_type(type) != ValueType::kString) return 0;
        texts.resize(count);
        return read_texts(type, space, "", texts, [&](hid_t as, void* out) {
          return H5Aread(id, as, out);
        });
      });
  return texts;
}

std::string File::text_attribute(const std::string& object,
                                 const std::string& name,
                                 const std::string& absent) const {
  const std::vector<std::string> texts = texts_attribute(object, name);
  return texts.empty() ? absent : texts[0];
}

std::vector<int64_t> File::integers_attribute(const std::string& object,
                                              const std::string& name) const {
  std::vector<int64_t> values;
  read_attribute(object, name, [&](hid_t id, hid_t type, hid_t, size_t count) {
    const ValueType kind = value_type(type);
    if (kind != ValueType::kInteger && kind != ValueType::kBool) return 0;
    values.resize(count);
    return H5Aread(id, H5T_NATIVE_INT64, values.data());
  });
  return values;
}

}  // namespace sailer::hdf5
