#include <algorithm>
#include <cstring>
#include <numeric>

#include "../../support/error.h"
#include "hdf5_types.h"

namespace sailer::hdf5 {

ValueType value_type(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return ValueType::kInteger;
    case H5T_FLOAT:
      return ValueType::kFloat;
    case H5T_ENUM:  // h5py writes booleans this way
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

// Returns the memory type to read `type`, or the field `member` of compounds.
Handle memory_type(hid_t type, const std::string& member) {
  if (member.empty()) return Handle(H5Tcopy(type), H5Tclose);
  Handle compound(H5Tcreate(H5T_COMPOUND, H5Tget_size(type)), H5Tclose);
  H5Tinsert(compound, member.c_str(), 0, type);
  return compound;
}

const char* type_name(ValueType type) {
  constexpr const char* kNames[] = {
      "integers", "numbers",         "logical values",
      "strings",  "compound values", "values of another type"};
  return kNames[static_cast<int>(type)];
}

constexpr H5Z_filter_t kLzf = 32000;
constexpr size_t kBytesOfChunk = 2;  // index in the filter's values

// HDF5 calls this for each chunk and owns *buffer. h5py stores the size of a
// chunk among the filter's values, except for strings.
size_t filter_lzf(unsigned flags, size_t n_values, const unsigned* values,
                  size_t n_bytes, size_t* buffer_size, void** buffer) {
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;
  const auto* packed = static_cast<const uint8_t*>(*buffer);
  const size_t length = unpack_lzf(packed, n_bytes, nullptr, SIZE_MAX);
  const size_t named = n_values > kBytesOfChunk ? values[kBytesOfChunk] : 0;
  if (length == 0 || (named != 0 && named != length)) return 0;
  void* out = H5allocate_memory(length, false);
  if (out == nullptr) return 0;
  if (unpack_lzf(packed, n_bytes, static_cast<uint8_t*>(out), length) == 0) {
    H5free_memory(out);
    return 0;
  }
  H5free_memory(*buffer);
  *buffer = out;
  *buffer_size = length;
  return length;
}

// Registers h5py's LZF filter, for reading only, unless HDF5 already has a
// filter of that number. AnnData files are often written with it.
void provide_lzf() {
  Session session;
  if (H5Zfilter_avail(kLzf) > 0) return;
  constexpr unsigned kPacks = 0, kUnpacks = 1;
  const H5Z_class2_t lzf = {H5Z_CLASS_T_VERS, kLzf,      kPacks,
                            kUnpacks,         "lzf",     nullptr,
                            nullptr,          filter_lzf};
  H5Zregister(&lzf);
}

// Throws at open, not at the first read, if this HDF5 lacks a filter.
void check_filters(hid_t dataset, const std::string& description) {
  const Handle plist(H5Dget_create_plist(dataset), H5Pclose);
  const int count = H5Pget_nfilters(plist);
  if (count > 0) provide_lzf();
  for (int k = 0; k < count; ++k) {
    unsigned flags = 0, config = 0;
    size_t n_values = 0;
    char name[64] = "";
    const H5Z_filter_t filter =
        H5Pget_filter2(plist, static_cast<unsigned>(k), &flags, &n_values,
                       nullptr, sizeof(name), name, &config);
    if (filter < 0 || H5Zfilter_avail(filter) > 0) continue;
    throw_error(ErrorKind::kFile, "The ", description,
                " is compressed with the filter '", name, "' (", filter,
                "), which this HDF5 library lacks. Install its plugin and name "
                "the folder in the environment variable HDF5_PLUGIN_PATH "
                "before R starts, or write the file again with gzip, in "
                "Python: adata.write_h5ad(path, compression='gzip').");
  }
}

}  // namespace

// A control byte c below 32 is followed by c + 1 literal bytes. Otherwise its
// three highest bits are the length of a back reference minus 2 (if they are 7,
// the next byte is added), and its other bits and the next byte are the
// distance back minus 1. A back reference may overlap its own output.
size_t unpack_lzf(const uint8_t* packed, size_t length, uint8_t* out,
                  size_t capacity) {
  size_t at = 0;
  size_t written = 0;
  while (at < length) {
    const size_t control = packed[at++];
    if (control < 32) {
      const size_t run = control + 1;
      if (run > length - at || run > capacity - written) return 0;
      if (out != nullptr) std::memcpy(out + written, packed + at, run);
      at += run;
      written += run;
      continue;
    }
    size_t run = (control >> 5) + 2;
    if (run == 9) {
      if (at >= length) return 0;
      run += packed[at++];
    }
    if (at >= length) return 0;
    const size_t back = ((control & 31) << 8) + packed[at++] + 1;
    if (back > written || run > capacity - written) return 0;
    for (size_t k = 0; k < run; ++k, ++written) {
      if (out != nullptr) out[written] = out[written - back];
    }
  }
  return written;
}

herr_t read_texts(hid_t stored, hid_t space, const std::string& member,
                  std::vector<std::string>& out,
                  const std::function<herr_t(hid_t, void*)>& read) {
  const bool variable = H5Tis_variable_str(stored) > 0;
  const size_t width = variable ? sizeof(char*) : H5Tget_size(stored);
  const Handle type = memory_type(stored, member);
  std::vector<char> memory(out.size() * width, '\0');
  if (read(type, memory.data()) < 0) return -1;
  for (size_t k = 0; k < out.size(); ++k) {
    const char* text = memory.data() + k * width;
    if (variable) {
      std::memcpy(&text, memory.data() + k * width, width);
      out[k] = text == nullptr ? "" : text;
      continue;
    }
    out[k].assign(text, std::find(text, text + width, '\0'));
    if (H5Tget_strpad(stored) == H5T_STR_SPACEPAD) {
      out[k].resize(out[k].find_last_not_of(' ') + 1);
    }
  }
#if H5_VERSION_GE(1, 12, 0)
  return variable ? H5Treclaim(type, space, H5P_DEFAULT, memory.data()) : 0;
#else
  return variable ? H5Dvlen_reclaim(type, space, H5P_DEFAULT, memory.data())
                  : 0;
#endif
}

Dataset::Dataset(Handle id, std::string name, std::string file)
    : id_(std::move(id)), name_(std::move(name)), file_(std::move(file)) {
  const Handle space(H5Dget_space(id_), H5Sclose);
  const Handle type(H5Dget_type(id_), H5Tclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (!type.valid() || rank < 0) fail_to_read();
  std::vector<hsize_t> extent(rank);
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  shape_.assign(extent.begin(), extent.end());
  type_ = value_type(type);
  check_filters(id_, describe());
}

void Dataset::fail_to_read(const std::string& where) const {
  throw_error(ErrorKind::kFile, "The ", describe(), " cannot be read", where,
              Session::reason(), "; the file is damaged or cut short.");
}

int64_t Dataset::value_bytes() const {
  return static_cast<int64_t>(H5Tget_size(element_type("")));
}

bool Dataset::holds_numbers() const {
  return type_ == ValueType::kInteger || type_ == ValueType::kFloat ||
         type_ == ValueType::kBool;
}

int64_t Dataset::size() const {
  return std::accumulate(shape_.begin(), shape_.end(), int64_t{1},
                         std::multiplies<int64_t>());
}

Extent Dataset::chunk_shape() const {
  Session session;
  const Handle plist(H5Dget_create_plist(id_), H5Pclose);
  if (H5Pget_layout(plist) != H5D_CHUNKED) return {};
  std::vector<hsize_t> chunk(shape_.size(), 1);
  H5Pget_chunk(plist, static_cast<int>(chunk.size()), chunk.data());
  return {chunk.begin(), chunk.end()};
}

void Dataset::expect(int64_t length, ValueType type) const {
  check(type == ValueType::kFloat ? holds_numbers() : type_ == type, " holds ",
        type_name(type_), ", but ", type_name(type), " were expected");
  check(shape_.size() == 1, " has ", shape_.size(),
        " dimensions, but one was expected");
  check(shape_[0] == length, " has ", shape_[0], " values, but ", length,
        " were expected; the file is damaged or incomplete");
}

void Dataset::read_block(const Extent& first, const Extent& count, hid_t type,
                         void* out) const {
  if (std::find(count.begin(), count.end(), 0) != count.end()) return;
  Session session;
  const std::vector<hsize_t> start(first.begin(), first.end());
  const std::vector<hsize_t> length(count.begin(), count.end());
  const Handle from(H5Dget_space(id_), H5Sclose);
  const Handle to(
      H5Screate_simple(static_cast<int>(length.size()), length.data(), nullptr),
      H5Sclose);
  if (H5Sselect_hyperslab(from, H5S_SELECT_SET, start.data(), nullptr,
                          length.data(), nullptr) < 0 ||
      H5Dread(id_, type, to, from, H5P_DEFAULT, out) < 0) {
    fail_to_read(" from row " + std::to_string(first[0] + 1) + " on");
  }
}

void Dataset::read_all(hid_t type, const std::string& member, void* out) const {
  if (size() == 0) return;
  Session session;
  const Handle as = memory_type(type, member);
  if (H5Dread(id_, as, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0) fail_to_read();
}

std::vector<int64_t> Dataset::integers(const std::string& member) const {
  std::vector<int64_t> values(size());
  read_all(H5T_NATIVE_INT64, member, values.data());
  return values;
}

std::vector<double> Dataset::numbers(const std::string& member) const {
  Session session;
  const Handle stored = element_type(member);
  Handle type(H5Tcopy(H5T_NATIVE_DOUBLE), H5Tclose);
  if (H5Tget_class(stored) == H5T_ARRAY) {  // several values per row
    hsize_t dims[H5S_MAX_RANK];
    const auto rank = static_cast<unsigned>(H5Tget_array_dims2(stored, dims));
    type = Handle(H5Tarray_create2(H5T_NATIVE_DOUBLE, rank, dims), H5Tclose);
  }
  std::vector<double> values(size() * H5Tget_size(type) / sizeof(double));
  read_all(type, member, values.data());
  return values;
}

std::vector<std::string> Dataset::strings(const std::string& member) const {
  Session session;
  const Handle type = element_type(member);
  check(value_type(type) == ValueType::kString, " holds ",
        type_name(value_type(type)), ", but strings were expected");
  std::vector<std::string> texts(size());
  const Handle space(H5Dget_space(id_), H5Sclose);
  if (texts.empty()) return texts;
  const auto read = [&](hid_t as, void* out) {
    return H5Dread(id_, as, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  };
  if (read_texts(type, space, member, texts, read) < 0) fail_to_read();
  return texts;
}

Handle Dataset::element_type(const std::string& member) const {
  Handle type(H5Dget_type(id_), H5Tclose);
  if (member.empty()) return type;
  const int index = H5Tget_member_index(type, member.c_str());
  check(index >= 0, " has no field '", member, "'");
  return Handle(H5Tget_member_type(type, static_cast<unsigned>(index)),
                H5Tclose);
}

std::vector<std::string> Dataset::members() const {
  Session session;
  if (type_ != ValueType::kCompound) return {};
  const Handle type(H5Dget_type(id_), H5Tclose);
  std::vector<std::string> names;
  for (int k = 0; k < H5Tget_nmembers(type); ++k) {
    char* name = H5Tget_member_name(type, static_cast<unsigned>(k));
    names.emplace_back(name);
    H5free_memory(name);
  }
  return names;
}

ValueType Dataset::member_type(const std::string& member) const {
  Session session;
  return value_type(element_type(member));
}

}  // namespace sailer::hdf5
