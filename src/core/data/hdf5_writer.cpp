#include "hdf5_writer.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "../support/error.h"
#include "readers/hdf5_session.h"

namespace sailer::hdf5 {

namespace {

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

Handle space_of(const std::vector<int64_t>& shape) {
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  return Handle(
      H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
      H5Sclose);
}

bool is_empty(const std::vector<int64_t>& shape) {
  return std::find(shape.begin(), shape.end(), 0) != shape.end();
}

// Of deflate's levels: slower ones gain a few percent on probabilities.
constexpr unsigned kFastest = 1;

// The most that HDF5 holds back by default.
constexpr int64_t kHeldBack = int64_t{32} << 20;

// Asks the disk for bytes behind the end of a file: 0, or errno.
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
  H5Pset_char_encoding(link_plist_.get(), H5T_CSET_UTF8);
  const Handle create_plist(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(create_plist.get(), false);
  const Handle access_plist(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Whatever an exception leaves open is closed with the file.
  H5Pset_fclose_degree(access_plist.get(), H5F_CLOSE_STRONG);
  // An empty file first: HDF5 writes to its own at once.
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail(std::strerror(errno));
  ::close(file);
  reserve(0);
  id_ = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, create_plist.get(),
                         access_plist.get()),
               H5Fclose);
  check(id_.get());
}

void FileWriter::fail(const std::string& reason) const {
  throw Error(ErrorKind::kFile, "The file '" + shown_as_ +
                                    "' could not be written: " + reason + ".");
}

void FileWriter::check(int64_t result) const {
  if (result < 0) fail("HDF5 refused it" + Session::reason());
}

void FileWriter::reserve(int64_t n_bytes) const {
  const int code = reserve_behind(path_, n_bytes + kHeldBack);
  if (code != 0) fail(std::strerror(code));
}

void FileWriter::chunked(const std::string& name,
                         const std::vector<int64_t>& shape,
                         const std::vector<int64_t>& chunk) {
  reserve(0);
  Session session;
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist.get(), false);
  H5Pset_fill_time(plist.get(), H5D_FILL_TIME_NEVER);
  if (!is_empty(shape)) {
    std::vector<hsize_t> extent;
    for (size_t d = 0; d < shape.size(); ++d) {
      extent.push_back(static_cast<hsize_t>(std::min(shape[d], chunk[d])));
    }
    H5Pset_chunk(plist.get(), static_cast<int>(extent.size()), extent.data());
    if (H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0) {
      H5Pset_shuffle(plist.get());
      H5Pset_deflate(plist.get(), kFastest);
    }
  }
  const Handle space = space_of(shape);
  const Handle dataset(
      H5Dcreate2(id_.get(), name.c_str(), H5T_IEEE_F32LE, space.get(),
                 link_plist_.get(), plist.get(), H5P_DEFAULT),
      H5Dclose);
  check(dataset.get());
}

void FileWriter::write_block(const std::string& name,
                             const std::vector<int64_t>& first,
                             const std::vector<int64_t>& count,
                             const float* values) {
  int64_t n_bytes = sizeof(float);
  for (int64_t size : count) n_bytes *= size;
  reserve(n_bytes);
  Session session;
  const Handle dataset(H5Dopen2(id_.get(), name.c_str(), H5P_DEFAULT),
                       H5Dclose);
  check(dataset.get());
  const Handle target(H5Dget_space(dataset.get()), H5Sclose);
  const std::vector<hsize_t> start(first.begin(), first.end());
  const std::vector<hsize_t> extent(count.begin(), count.end());
  check(H5Sselect_hyperslab(target.get(), H5S_SELECT_SET, start.data(), nullptr,
                            extent.data(), nullptr));
  const Handle source = space_of(count);
  check(H5Dwrite(dataset.get(), H5T_NATIVE_FLOAT, source.get(), target.get(),
                 H5P_DEFAULT, values));
}

void FileWriter::texts(const std::string& name,
                       const std::vector<const char*>& values) {
  constexpr int64_t kOfEach = 32;  // what HDF5 adds to a text, at most
  int64_t n_bytes = 0;
  for (const char* text : values) {
    n_bytes += static_cast<int64_t>(std::strlen(text)) + kOfEach;
  }
  reserve(n_bytes);
  Session session;
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist.get(), false);
  const Handle type = text_type();
  const Handle space = space_of({static_cast<int64_t>(values.size())});
  const Handle dataset(
      H5Dcreate2(id_.get(), name.c_str(), type.get(), space.get(),
                 link_plist_.get(), plist.get(), H5P_DEFAULT),
      H5Dclose);
  check(dataset.get());
  if (values.empty()) return;
  check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                 values.data()));
}

void FileWriter::attribute(const std::string& object, const std::string& name,
                           hid_t type, const void* value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(
      H5Acreate_by_name(id_.get(), object.c_str(), name.c_str(), type,
                        space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  check(attribute.get());
  check(H5Awrite(attribute.get(), type, value));
}

// Dimension scales, written by hand, since the library of HDF5 that knows them
// is another one. See "HDF5 Dimension Scale Specification and Design Notes".

void FileWriter::fixed_text(const std::string& object, const std::string& name,
                            const std::string& text) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), text.size() + 1);
  attribute(object, name, type.get(), text.c_str());
}

// What tells a scale where it is used.
void FileWriter::refer_to(const std::string& scale, const std::string& name,
                          int dimension) {
  struct Use {
    hobj_ref_t dataset;
    int dimension;
  } use{};
  check(H5Rcreate(&use.dataset, id_.get(), name.c_str(), H5R_OBJECT, -1));
  use.dimension = dimension;
  const Handle type(H5Tcreate(H5T_COMPOUND, sizeof(Use)), H5Tclose);
  H5Tinsert(type.get(), "dataset", HOFFSET(Use, dataset), H5T_STD_REF_OBJ);
  H5Tinsert(type.get(), "dimension", HOFFSET(Use, dimension), H5T_NATIVE_INT);
  const Handle space = space_of({1});
  const Handle list(
      H5Acreate_by_name(id_.get(), scale.c_str(), "REFERENCE_LIST", type.get(),
                        space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  check(list.get());
  check(H5Awrite(list.get(), type.get(), &use));
}

void FileWriter::name_dimensions(const std::string& name,
                                 const std::vector<std::string>& scales,
                                 const std::string& role) {
  Session session;
  std::vector<hobj_ref_t> references(scales.size());
  std::vector<hvl_t> lists(scales.size());
  for (size_t d = 0; d < scales.size(); ++d) {
    fixed_text(scales[d], "CLASS", "DIMENSION_SCALE");
    fixed_text(scales[d], "NAME", role);
    refer_to(scales[d], name, static_cast<int>(d));
    check(H5Rcreate(&references[d], id_.get(), scales[d].c_str(), H5R_OBJECT,
                    -1));
    lists[d] = {1, &references[d]};
  }
  const Handle type(H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose);
  const Handle space = space_of({static_cast<int64_t>(scales.size())});
  const Handle list(
      H5Acreate_by_name(id_.get(), name.c_str(), "DIMENSION_LIST", type.get(),
                        space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  check(list.get());
  check(H5Awrite(list.get(), type.get(), lists.data()));
}

void FileWriter::close() {
  reserve(0);
  Session session;
  check(H5Fclose(id_.release()));
  // Frees what was reserved and not used.
  std::error_code ignored;
  std::filesystem::resize_file(
      path_, std::filesystem::file_size(path_, ignored), ignored);
}

}  // namespace sailer::hdf5
