#include "hdf5.h"

#include <filesystem>

#include "../../support/error.h"
#include "hdf5_texts.h"

namespace sailer::hdf5 {

namespace {

extern "C" herr_t take_innermost(unsigned depth, const H5E_error2_t* error,
                                 void* data) {
  if (depth == 0 && error->desc != nullptr) {
    *static_cast<std::string*>(data) = error->desc;
  }
  return 0;
}

// What can be said of a path before HDF5 sees it.
void check_path(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::exists(path, error)) {
    throw_error(ErrorKind::kFile, "The file '", path, "' does not exist.");
  }
  if (fs::is_directory(path, error)) {
    throw_error(ErrorKind::kFile, "'", path,
                "' is a folder; give the path of an HDF5 file in it.");
  }
  if (fs::file_size(path, error) == 0 && !error) {
    throw_error(ErrorKind::kFile, "The file '", path,
                "' is empty; copy or download it again.");
  }
  if (H5Fis_hdf5(path.c_str()) <= 0) {
    throw_error(ErrorKind::kFile, "The file '", path,
                "' is not an HDF5 file. Expected is a 10x .h5, an .h5ad or an "
                ".mtx file; other text (.csv) is read by other packages and "
                "given as a matrix.");
  }
}

bool tracks_order(hid_t group) {
  const Handle plist(H5Gget_create_plist(group), H5Pclose);
  unsigned flags = 0;
  return H5Pget_link_creation_order(plist, &flags) >= 0 &&
         (flags & H5P_CRT_ORDER_TRACKED) != 0;
}

// Opens a dataset with a cache that holds its chunks, of a matrix a whole row
// of them, so that neighbouring reads do not unpack the same chunk again.
Handle open_dataset(hid_t file, const std::string& name) {
  constexpr size_t kLeastCache = size_t{4} << 20,
                   kMostCache = size_t{256} << 20;
  constexpr size_t kSlots = 12421;  // a prime, well above the chunks held
  size_t chunk_bytes = 0, in_row = 1;
  {
    const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid()) return {};
    const Handle plist(H5Dget_create_plist(dataset), H5Pclose);
    const Handle type(H5Dget_type(dataset), H5Tclose);
    const Handle space(H5Dget_space(dataset), H5Sclose);
    hsize_t shape[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
    H5Sget_simple_extent_dims(space, shape, nullptr);
    const int rank = H5Pget_layout(plist) == H5D_CHUNKED
                         ? H5Pget_chunk(plist, H5S_MAX_RANK, chunk)
                         : 0;
    if (rank > 0) chunk_bytes = H5Tget_size(type);
    for (int k = 0; k < rank; ++k) {
      chunk_bytes *= chunk[k];
      if (k > 0) in_row *= (shape[k] + chunk[k] - 1) / chunk[k];
    }
  }
  const Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  const size_t bytes =
      std::clamp((in_row + 3) * chunk_bytes, kLeastCache, kMostCache);
  H5Pset_chunk_cache(access, kSlots, bytes, H5D_CHUNK_CACHE_W0_DEFAULT);
  return Handle(H5Dopen2(file, name.c_str(), access), H5Dclose);
}

}  // namespace

std::string Session::reason() {
  std::string text;
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
  // H5Lexists asks for one step at a time.
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

std::vector<std::string> File::children(const std::string& group,
                                        bool in_order) const {
  Session session;
  const Handle handle(H5Gopen2(id_, group.c_str(), H5P_DEFAULT), H5Gclose);
  H5G_info_t info;
  if (!handle.valid() || H5Gget_info(handle, &info) < 0) {
    throw_error(ErrorKind::kFile, "The group '", group, "' of '", path_,
                "' cannot be read", Session::reason(), ".");
  }
  const H5_index_t index =
      in_order && tracks_order(handle) ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
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

Dataset File::dataset(const std::string& name) const {
  Session session;
  if (!has(name)) {
    throw_error(ErrorKind::kFile, "The file '", path_, "' has no dataset '",
                name, "'; it may be written by an interrupted program.");
  }
  Handle handle = open_dataset(id_, name);
  if (!handle.valid()) {
    throw_error(ErrorKind::kFile, "The dataset '", name, "' of '", path_,
                "' cannot be opened", Session::reason(),
                "; is it a group, or is the file damaged?");
  }
  return Dataset(std::move(handle), name, path_);
}

Handle File::open_attribute(const std::string& object,
                            const std::string& name) const {
  if (!has(object) ||
      H5Aexists_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) {
    return {};
  }
  return Handle(H5Aopen_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT,
                                H5P_DEFAULT),
                H5Aclose);
}

void File::check_attribute(herr_t read, const std::string& object,
                           const std::string& name) const {
  if (read >= 0) return;
  throw_error(ErrorKind::kFile, "The attribute '", name, "' of '", object,
              "' in '", path_, "' cannot be read", Session::reason(), ".");
}

std::vector<std::string> File::texts_attribute(const std::string& object,
                                               const std::string& name) const {
  Session session;
  const Handle attribute = open_attribute(object, name);
  if (!attribute.valid()) return {};
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (H5Tget_class(type) != H5T_STRING || count <= 0) return {};
  std::vector<std::string> texts(count);
  read_texts(type, space, "", texts, [&](hid_t as, void* out) {
    check_attribute(H5Aread(attribute, as, out), object, name);
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
  Session session;
  const Handle attribute = open_attribute(object, name);
  if (!attribute.valid()) return {};
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const ValueType kind = value_type(type);
  if (kind != ValueType::kInteger && kind != ValueType::kBool) return {};
  if (count <= 0) return {};
  std::vector<int64_t> values(count);
  check_attribute(H5Aread(attribute, H5T_NATIVE_INT64, values.data()), object,
                  name);
  return values;
}

}  // namespace sailer::hdf5
