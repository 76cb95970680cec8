#include "hdf5_types.h"

#include <algorithm>
#include <cstring>

namespace sailer::hdf5 {

ValueType value_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return ValueType::kInteger;
    case H5T_FLOAT:
      return ValueType::kFloat;
    case H5T_ENUM:  // how h5py writes logical values
      return ValueType::kBool;
    case H5T_STRING:
      return ValueType::kString;
    case H5T_COMPOUND:
      return ValueType::kCompound;
    default:
      return ValueType::kOther;
  }
}

namespace {

// Chunks beside each other that hold the same rows of a matrix.
size_t chunks_in_row(hid_t dataset, const hsize_t* chunk, int rank) {
  if (rank < 2) return 1;
  hsize_t shape[H5S_MAX_RANK];
  Handle space(H5Dget_space(dataset), H5Sclose);
  H5Sget_simple_extent_dims(space.get(), shape, nullptr);
  size_t n = 1;
  for (int k = 1; k < rank; ++k) n *= (shape[k] + chunk[k] - 1) / chunk[k];
  return n;
}

}  // namespace

hid_t open_dataset(hid_t file, const std::string& name) {
  constexpr size_t kLeastCache = size_t{4} << 20;
  constexpr size_t kMostCache = size_t{256} << 20;
  constexpr size_t kSlots = 12421;  // a prime, well above the chunks held
  Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) return -1;
  size_t chunk_bytes = 0;
  size_t in_row = 1;
  {
    Handle plist(H5Dget_create_plist(dataset.get()), H5Pclose);
    Handle type(H5Dget_type(dataset.get()), H5Tclose);
    hsize_t chunk[H5S_MAX_RANK];
    const int rank = H5Pget_layout(plist.get()) == H5D_CHUNKED
                         ? H5Pget_chunk(plist.get(), H5S_MAX_RANK, chunk)
                         : 0;
    if (rank > 0) chunk_bytes = H5Tget_size(type.get());
    for (int k = 0; k < rank; ++k) chunk_bytes *= chunk[k];
    in_row = chunks_in_row(dataset.get(), chunk, rank);
  }
  dataset = Handle();
  Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  const size_t bytes =
      std::clamp((in_row + 3) * chunk_bytes, kLeastCache, kMostCache);
  H5Pset_chunk_cache(access.get(), kSlots, bytes, H5D_CHUNK_CACHE_W0_DEFAULT);
  return H5Dopen2(file, name.c_str(), access.get());
}

Handle member_of(hid_t type, const std::string& member) {
  Handle compound(H5Tcreate(H5T_COMPOUND, H5Tget_size(type)), H5Tclose);
  H5Tinsert(compound.get(), member.c_str(), 0, type);
  return compound;
}

StringBuffer::StringBuffer(hid_t type, hid_t space, size_t count,
                           const std::string& member)
    : variable_(H5Tis_variable_str(type) > 0),
      padding_(H5Tget_strpad(type)),
      width_(H5Tget_size(type)),
      count_(count),
      space_(space),
      string_type_(H5Tcopy(type), H5Tclose) {
  if (!member.empty()) compound_type_ = member_of(string_type_.get(), member);
  if (variable_) {
    pointers_.assign(count, nullptr);
  } else {
    bytes_.assign(count * width_, '\0');
  }
}

StringBuffer::~StringBuffer() {
  if (!variable_) return;
#if H5_VERSION_GE(1, 12, 0)
  H5Treclaim(type(), space_, H5P_DEFAULT, pointers_.data());
#else
  H5Dvlen_reclaim(type(), space_, H5P_DEFAULT, pointers_.data());
#endif
}

hid_t StringBuffer::type() const {
  return compound_type_.valid() ? compound_type_.get() : string_type_.get();
}

void* StringBuffer::data() {
  return variable_ ? static_cast<void*>(pointers_.data()) : bytes_.data();
}

std::vector<std::string> StringBuffer::texts() const {
  std::vector<std::string> result;
  result.reserve(count_);
  for (size_t k = 0; k < count_; ++k) {
    if (variable_) {
      result.emplace_back(pointers_[k] == nullptr ? "" : pointers_[k]);
      continue;
    }
    const char* begin = bytes_.data() + k * width_;
    const char* end = std::find(begin, begin + width_, '\0');
    if (padding_ == H5T_STR_SPACEPAD) {
      while (end > begin && end[-1] == ' ') --end;
    }
    result.emplace_back(begin, end);
  }
  return result;
}

}  // namespace sailer::hdf5
