#include "hdf5_writer.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "../support/disk_file.h"
#include "../support/n_of.h"

namespace sailer::hdf5 {

namespace {

Handle space_of(const std::vector<int64_t>& shape) {
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  return Handle(
      H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
      H5Sclose);
}

// Level of deflate. Slower ones gain only a few percent on probabilities.
constexpr unsigned kFastest = 1;

// The most bytes that HDF5 buffers by default.
constexpr int64_t kHeldBack = int64_t{32} << 20;

// Reserves disk space past the end of a file. Returns 0 or an errno code.
int reserve_behind(const std::string& path, int64_t n_bytes) {
  std::error_code error;
  const auto size =
      static_cast<int64_t>(std::filesystem::file_size(path, error));
  if (error) return error.value();
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
      limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur < static_cast<rlim_t>(size + n_bytes)) {
    return EFBIG;
  }
#ifdef FALLOC_FL_KEEP_SIZE
  const int id = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (id < 0) return errno;
  const int code =
      ::fallocate(id, FALLOC_FL_KEEP_SIZE, size, n_bytes) == 0 ? 0 : errno;
  ::close(id);
  if (code != EOPNOTSUPP && code != ENOSYS) return code;
#endif
  const auto space = std::filesystem::space(path, error);
  if (error) return error.value();
  return space.available < static_cast<uintmax_t>(n_bytes) ? ENOSPC : 0;
}

}  // namespace

FileWriter::FileWriter(const std::string& path, const std::string& shown_as)
    : path_(path), shown_as_(shown_as) {
  Session session;
  link_plist_ = Handle(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_char_encoding(link_plist_, H5T_CSET_UTF8);
  const Handle create_plist(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(create_plist, false);
  const Handle access_plist(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Objects that an exception leaves open are closed with the file.
  H5Pset_fclose_degree(access_plist, H5F_CLOSE_STRONG);
  // Creates an empty file and reserves space for it first, because H5Fcreate()
  // writes at once.
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail_to_write(shown_as_, std::strerror(errno));
  ::close(file);
  reserve(0);
  id_ =
      Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, create_plist, access_plist),
             H5Fclose);
  check(id_);
}

void FileWriter::check(int64_t result) const {
  if (result < 0)
    fail_to_write(shown_as_, "an HDF5 call failed" + Session::reason());
}

void FileWriter::reserve(int64_t n_bytes) const {
  const int code = reserve_behind(path_, n_bytes + kHeldBack);
  if (code != 0) fail_to_write(shown_as_, std::strerror(code));
}

Handle FileWriter::create(const std::string& name, hid_t type,
                          const std::vector<int64_t>& shape,
                          const Handle& plist) const {
  H5Pset_obj_track_times(plist, false);
  Handle dataset(H5Dcreate2(id_, name.c_str(), type, space_of(shape),
                            link_plist_, plist, H5P_DEFAULT),
                 H5Dclose);
  check(dataset);
  return dataset;
}

void FileWriter::chunked(const std::string& name,
                         const std::vector<int64_t>& shape,
                         const std::vector<int64_t>& chunk) {
  reserve(0);
  Session session;
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER);
  if (std::find(shape.begin(), shape.end(), 0) == shape.end()) {
    std::vector<hsize_t> extent;
    for (size_t d = 0; d < shape.size(); ++d) {
      extent.push_back(static_cast<hsize_t>(std::min(shape[d], chunk[d])));
    }
    H5Pset_chunk(plist, static_cast<int>(extent.size()), extent.data());
    if (H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0) {
      H5Pset_shuffle(plist);
      H5Pset_deflate(plist, kFastest);
    }
  }
  create(name, H5T_IEEE_F32LE, shape, plist);
}

void FileWriter::write_block(const std::string& name,
                             const std::vector<int64_t>& first,
                             const std::vector<int64_t>& count,
                             const float* values) {
  int64_t n_bytes = sizeof(float);
  for (int64_t size : count) n_bytes *= size;
  reserve(n_bytes);
  Session session;
  const Handle dataset(H5Dopen2(id_, name.c_str(), H5P_DEFAULT), H5Dclose);
  check(dataset);
  const Handle target(H5Dget_space(dataset), H5Sclose);
  const std::vector<hsize_t> start(first.begin(), first.end());
  const std::vector<hsize_t> extent(count.begin(), count.end());
  check(H5Sselect_hyperslab(target, H5S_SELECT_SET, start.data(), nullptr,
                            extent.data(), nullptr));
  const Handle source = space_of(count);
  check(
      H5Dwrite(dataset, H5T_NATIVE_FLOAT, source, target, H5P_DEFAULT, values));
}

void FileWriter::texts(const std::string& name,
                       const std::vector<std::string>& values) {
  constexpr int64_t kOfEach = 32;  // most that HDF5 adds to a string
  int64_t n_bytes = 0;
  std::vector<const char*> pointers;
  for (const std::string& text : values) {
    n_bytes += n_of(text) + kOfEach;
    pointers.push_back(text.c_str());
  }
  reserve(n_bytes);
  Session session;
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const Handle dataset = create(name, type, {n_of(values)}, plist);
  if (values.empty()) return;
  check(
      H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()));
}

void FileWriter::attribute(const std::string& object, const std::string& name,
                           hid_t type, const Handle& space,
                           const void* value) const {
  const Handle attribute(
      H5Acreate_by_name(id_, object.c_str(), name.c_str(), type, space,
                        H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  check(attribute);
  check(H5Awrite(attribute, type, value));
}

// Dimension scales are written by hand because they belong to a separate HDF5
// library. See "HDF5 Dimension Scale Specification and Design Notes".

void FileWriter::fixed_text(const std::string& object, const std::string& name,
                            const std::string& text) const {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, text.size() + 1);
  attribute(object, name, type, Handle(H5Screate(H5S_SCALAR), H5Sclose),
            text.c_str());
}

hobj_ref_t FileWriter::reference_to(const std::string& object) const {
  hobj_ref_t reference;
  check(H5Rcreate(&reference, id_, object.c_str(), H5R_OBJECT, -1));
  return reference;
}

void FileWriter::name_dimensions(const std::string& name,
                                 const std::vector<std::string>& scales,
                                 const std::string& role) {
  Session session;
  struct Use {  // tells a scale where it is used
    hobj_ref_t dataset;
    int dimension;
  } use{};
  use.dataset = reference_to(name);
  const Handle use_type(H5Tcreate(H5T_COMPOUND, sizeof(Use)), H5Tclose);
  H5Tinsert(use_type, "dataset", HOFFSET(Use, dataset), H5T_STD_REF_OBJ);
  H5Tinsert(use_type, "dimension", HOFFSET(Use, dimension), H5T_NATIVE_INT);
  std::vector<hobj_ref_t> references;
  for (const std::string& scale : scales) {
    fixed_text(scale, "CLASS", "DIMENSION_SCALE");
    fixed_text(scale, "NAME", role);
    attribute(scale, "REFERENCE_LIST", use_type, space_of({1}), &use);
    ++use.dimension;
    references.push_back(reference_to(scale));
  }
  std::vector<hvl_t> lists;
  for (hobj_ref_t& reference : references) lists.push_back({1, &reference});
  const Handle type(H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose);
  attribute(name, "DIMENSION_LIST", type, space_of({n_of(scales)}),
            lists.data());
}

void FileWriter::close() {
  reserve(0);
  Session session;
  check(H5Fclose(id_.release()));
  // Frees the space that was reserved but not used.
  std::error_code ignored;
  std::filesystem::resize_file(
      path_, std::filesystem::file_size(path_, ignored), ignored);
}

}  // namespace sailer::hdf5
