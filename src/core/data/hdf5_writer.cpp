#include "hdf5_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../support/error.h"
#include "readers/hdf5_session.h"
#include "readers/hdf5_types.h"

namespace sailer::hdf5 {

namespace {

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

Handle space_of(const std::vector<int64_t>& shape) {
  if (shape.empty()) return Handle(H5Screate(H5S_SCALAR), H5Sclose);
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  return Handle(
      H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
      H5Sclose);
}

bool is_empty(const std::vector<int64_t>& shape) {
  for (int64_t size : shape) {
    if (size == 0) return true;
  }
  return false;
}

// Of deflate's levels: slower ones gain a few percent on probabilities.
constexpr unsigned kFastest = 1;

constexpr unsigned kOrdered = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

}  // namespace

FileWriter::FileWriter(const std::string& path, int64_t user_block,
                       const std::string& shown_as)
    : shown_as_(shown_as.empty() ? path : shown_as),
      failure_(std::make_unique<WriteFailure>()) {
  Session session;
  link_plist_ = Handle(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_char_encoding(link_plist_.get(), H5T_CSET_UTF8);
  Handle create_plist(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_userblock(create_plist.get(), static_cast<hsize_t>(user_block));
  H5Pset_link_creation_order(create_plist.get(), kOrdered);
  H5Pset_obj_track_times(create_plist.get(), false);
  Handle access_plist(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Whatever an exception leaves open is closed with the file.
  H5Pset_fclose_degree(access_plist.get(), H5F_CLOSE_STRONG);
  check(use_patient_disk(access_plist.get(), failure_.get()));
  id_ = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, create_plist.get(),
                         access_plist.get()),
               H5Fclose);
  check(id_.get());
}

void FileWriter::check(int64_t result) const {
  if (result >= 0 && failure_->code == 0) return;
  throw Error(ErrorKind::kFile,
              "The file '" + shown_as_ + "' could not be written" +
                  (failure_->code != 0
                       ? std::string(": ") + std::strerror(failure_->code)
                       : Session::reason()) +
                  ".");
}

void FileWriter::group(const std::string& name) {
  Session session;
  Handle plist(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_link_creation_order(plist.get(), kOrdered);
  H5Pset_obj_track_times(plist.get(), false);
  const Handle group(H5Gcreate2(id_.get(), name.c_str(), link_plist_.get(),
                                plist.get(), H5P_DEFAULT),
                     H5Gclose);
  check(group.get());
}

Handle FileWriter::create(const std::string& name,
                          const std::vector<int64_t>& shape, hid_t type,
                          bool numbers) {
  Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist.get(), false);
  // Every value is written right away.
  if (numbers) H5Pset_fill_time(plist.get(), H5D_FILL_TIME_NEVER);
  Handle space = space_of(shape);
  Handle dataset(H5Dcreate2(id_.get(), name.c_str(), type, space.get(),
                            link_plist_.get(), plist.get(), H5P_DEFAULT),
                 H5Dclose);
  check(dataset.get());
  return dataset;
}

void FileWriter::numbers(const std::string& name,
                         const std::vector<int64_t>& shape, NumberType type,
                         const void* values) {
  Session session;
  const Handle dataset = create(name, shape, stored_type(type), true);
  if (is_empty(shape)) return;
  check(H5Dwrite(dataset.get(), native_type(type), H5S_ALL, H5S_ALL,
                 H5P_DEFAULT, values));
}

// Blocks ----------------------------------------------------------------------

void FileWriter::chunked(const std::string& name,
                         const std::vector<int64_t>& shape,
                         const std::vector<int64_t>& chunk) {
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
      H5Dcreate2(id_.get(), name.c_str(), stored_type(NumberType::kFloat32),
                 space.get(), link_plist_.get(), plist.get(), H5P_DEFAULT),
      H5Dclose);
  check(dataset.get());
}

void FileWriter::write_block(const std::string& name,
                             const std::vector<int64_t>& first,
                             const std::vector<int64_t>& count,
                             const float* values) {
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
  check(H5Dwrite(dataset.get(), native_type(NumberType::kFloat32), source.get(),
                 target.get(), H5P_DEFAULT, values));
}

// Texts -----------------------------------------------------------------------

void FileWriter::texts(const std::string& name,
                       const std::vector<int64_t>& shape,
                       const std::vector<const char*>& values) {
  Session session;
  const Handle type = text_type();
  const Handle dataset = create(name, shape, type.get(), false);
  if (is_empty(shape)) return;
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

void FileWriter::attribute(const std::string& object, const std::string& name,
                           const std::string& text) {
  Session session;
  const Handle type = text_type();
  const char* pointer = text.c_str();
  attribute(object, name, type.get(), &pointer);
}

void FileWriter::attribute(const std::string& object, const std::string& name,
                           int64_t value) {
  Session session;
  attribute(object, name, H5T_NATIVE_INT64, &value);
}

void FileWriter::attribute(const std::string& object, const std::string& name,
                           double value) {
  Session session;
  attribute(object, name, H5T_NATIVE_DOUBLE, &value);
}

// Dimension scales ------------------------------------------------------------

// Written by hand, since the library of HDF5 that knows them is another one.
// See "HDF5 Dimension Scale Specification and Design Notes".

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
  Session session;
  check(H5Fclose(id_.release()));
}

// Names of links --------------------------------------------------------------

namespace {

struct LinkCode {
  char character;
  const char* code;
};
constexpr LinkCode kLinkCodes[] = {
    {'%', "%25"}, {'/', "%2F"}, {'[', "%5B"}, {'.', "%2E"}};

bool needs_code(const std::string& name, size_t at) {
  if (name[at] == '[') return at == 0;
  if (name[at] == '.') return name.size() == 1;
  return name[at] == '%' || name[at] == '/';
}

}  // namespace

std::string link_name(const std::string& name) {
  std::string link;
  for (size_t k = 0; k < name.size(); ++k) {
    if (!needs_code(name, k)) {
      link += name[k];
      continue;
    }
    for (const LinkCode& known : kLinkCodes) {
      if (known.character == name[k]) link += known.code;
    }
  }
  return link;
}

std::string name_of_link(const std::string& link) {
  std::string name;
  for (size_t k = 0; k < link.size(); ++k) {
    char character = link[k];
    for (const LinkCode& known : kLinkCodes) {
      if (link.compare(k, 3, known.code) != 0) continue;
      character = known.character;
      k += 2;
      break;
    }
    name += character;
  }
  return name;
}

}  // namespace sailer::hdf5
