#include "tensor_file.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "checksum.h"
#include "disk_file.h"
#include "error.h"

namespace sailer {
namespace {

#if defined(__BYTE_ORDER__)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "Tensors are written as they lie in memory.");
#endif

// How every header begins; the digits of the checksum follow.
constexpr char kBeginning[] = R"({"__metadata__":{"checksum":")";
constexpr char kNoDigits[] = "0000000000000000";
constexpr size_t kDigits = sizeof(kNoDigits) - 1;
constexpr size_t kLengthBytes = 8;
constexpr size_t kDigitsAt = kLengthBytes + sizeof(kBeginning) - 1;
constexpr uint64_t kLongestHeader = 100000000;  // the limit of safetensors

std::string digits_of(uint64_t checksum) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, checksum);
  return digits;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      out += escape;
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

std::string list_of(const std::vector<int64_t>& values) {
  std::string out;
  for (int64_t value : values) {
    out += (out.empty() ? "" : ",") + std::to_string(value);
  }
  return "[" + out + "]";
}

// The order of the data: types of many bytes first, so that each tensor is
// aligned to a multiple of the size of its own type.
std::vector<size_t> data_order(const std::vector<StoredTensor>& tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return bytes_of_dtype(tensors[a].dtype) > bytes_of_dtype(tensors[b].dtype);
  });
  return order;
}

// Returns length and header, with zeros for the checksum.
std::string head_of(const TensorFile& file) {
  std::string text = kBeginning + std::string(kNoDigits) +
                     R"(","description":)" + quoted(file.description) +
                     R"(,"kind":)" + quoted(file.kind) + R"(,"version":")" +
                     std::to_string(file.version) + "\"}";
  std::vector<std::vector<int64_t>> places(file.tensors.size());
  int64_t end = 0;
  for (size_t k : data_order(file.tensors)) {
    places[k] = {end, end + bytes_of(file.tensors[k])};
    end = places[k][1];
  }
  for (size_t k = 0; k < places.size(); ++k) {
    const StoredTensor& tensor = file.tensors[k];
    text += "," + quoted(tensor.name) + R"(:{"dtype":)" + quoted(tensor.dtype) +
            R"(,"shape":)" + list_of(tensor.shape) + R"(,"data_offsets":)" +
            list_of(places[k]) + "}";
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kLongestHeader) {
    throw_error(ErrorKind::kFile, "The description of a file of tensors has ",
                text.size(), " bytes; at most ", kLongestHeader,
                " can be read.");
  }
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), kLengthBytes) +
         text;
}

}  // namespace

int64_t bytes_of_dtype(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  return dtype == "U8" ? 1 : 0;
}

int64_t bytes_of(const StoredTensor& tensor) {
  int64_t n = bytes_of_dtype(tensor.dtype);
  for (int64_t size : tensor.shape) n *= size;
  return n;
}

void write_tensor_file(const std::string& path, const TensorFile& file,
                       bool durable) {
  const std::vector<size_t> order = data_order(file.tensors);
  std::string head = head_of(file);
  Checksum sum;
  sum.add(head.data(), head.size());
  for (size_t k : order) {
    sum.add(file.tensors[k].data.get(),
            static_cast<size_t>(bytes_of(file.tensors[k])));
  }
  head.replace(kDigitsAt, kDigits, digits_of(sum.value()));
  const auto write = [&](const std::string& part) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> to(
        std::fopen(part.c_str(), "wbe"), std::fclose);
    const auto put = [&](const void* bytes, int64_t count) {
      const auto n = static_cast<size_t>(count);
      return n == 0 || std::fwrite(bytes, 1, n, to.get()) == n;
    };
    bool done = to && put(head.data(), n_of(head));
    for (size_t k : order) {
      done = done && put(file.tensors[k].data.get(), bytes_of(file.tensors[k]));
    }
    if (!done || std::fclose(to.release()) != 0) {
      fail_to_write(path, std::strerror(errno));
    }
  };
  replace_file(path, write, durable);
}

// Reading ---------------------------------------------------------------------

std::string looks_like(const std::string& bytes) {
  static const std::pair<std::string, const char*> kKnown[] = {
      {"\x89HDF\r\n",
       "an HDF5 file of another program; counts are opened with open_cells()"},
      {"\x1f\x8b",
       "a file compressed by gzip, such as an .rds file, which readRDS() "
       "reads"},
      {"X\n", "a file of R, which readRDS() reads"},
      {"RDX", "a file of R, which load() reads"},
      {"PK\x03\x04", "a zip archive, as PyTorch uses for saved models"}};
  for (const auto& [beginning, meaning] : kKnown) {
    if (bytes.compare(0, beginning.size(), beginning) == 0) return meaning;
  }
  if (bytes.size() > 8 && bytes.compare(8, 2, "{\"") == 0) {
    return "safetensors of another program";
  }
  const bool text = std::all_of(bytes.begin(), bytes.end(), [](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code >= 0x80 || std::isprint(code) != 0 || std::isspace(code) != 0;
  });
  return text ? "a text file" : "";
}

namespace {

struct Malformed {};

// Limit for one tensor, low enough that the sum over the tensors of a header
// cannot overflow.
constexpr int64_t kMostBytes = int64_t{1} << 40;

// Parses what head_of() writes. For other input it throws Malformed or returns
// something arbitrary, which parse_head() then rejects.
class Parser {
 public:
  Parser(const std::string& text, size_t at) : text_(text), at_(at) {}

  bool skip(const std::string& literal) {
    if (text_.compare(at_, literal.size(), literal) != 0) return false;
    at_ += literal.size();
    return true;
  }

  std::string string() {
    std::string out;
    skip("\"");
    while (!skip("\"")) {
      unsigned code = 0;
      if (skip("\\u00")) {
        std::sscanf(text_.substr(at_, 2).c_str(), "%2x", &code);
        at_ += 2;
      } else {
        skip("\\");
        code = static_cast<unsigned char>(text_[at_++]);
      }
      if (code == 0 || at_ >= text_.size()) throw Malformed();
      out += static_cast<char>(code);
    }
    return out;
  }

  int64_t integer() {
    const char* const from = text_.c_str() + at_;
    char* to = nullptr;
    const int64_t value = std::strtoll(from, &to, 10);
    at_ += to - from;
    return value;
  }

  std::vector<int64_t> integers() {
    std::vector<int64_t> out;
    skip("[");
    while (!skip("]")) {
      out.push_back(integer());
      if (!skip(",") && text_[at_] != ']') throw Malformed();
    }
    return out;
  }

 private:
  const std::string& text_;
  size_t at_;
};

std::string without_spaces_behind(const std::string& text) {
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

// Fills `file` from a header; `head` includes its length. Throws Malformed
// unless the header is exactly what head_of() writes for the result, including
// the offsets of the tensors.
void parse_head(const std::string& head, TensorFile& file) {
  Parser parser(head, kDigitsAt + kDigits);
  parser.skip(R"(","description":)");
  file.description = parser.string();
  parser.skip(R"(,"kind":)");
  file.kind = parser.string();
  parser.skip(R"(,"version":")");
  file.version = parser.integer();
  parser.skip("\"}");
  while (parser.skip(",")) {
    StoredTensor tensor;
    tensor.name = parser.string();
    parser.skip(R"(:{"dtype":)");
    tensor.dtype = parser.string();
    parser.skip(R"(,"shape":)");
    tensor.shape = parser.integers();
    parser.skip(R"(,"data_offsets":)");
    parser.integers();
    parser.skip("}");
    int64_t n_bytes = bytes_of_dtype(tensor.dtype);
    if (n_bytes == 0) throw Malformed();
    for (int64_t size : tensor.shape) {
      if (size < 0 || (size > 0 && n_bytes > kMostBytes / size)) {
        throw Malformed();
      }
      n_bytes *= size;
    }
    file.tensors.push_back(std::move(tensor));
  }
  if (without_spaces_behind(head.substr(kLengthBytes)) !=
      without_spaces_behind(head_of(file).substr(kLengthBytes))) {
    throw Malformed();
  }
}

// Reads length and header.
std::string read_head(const DiskFile& from) {
  const std::string& path = from.path();
  const auto size = static_cast<uint64_t>(from.size());
  if (size == 0) throw_file_error(path, "is empty");
  std::string head(std::min<uint64_t>(size, kDigitsAt + kDigits), '\0');
  from.read(0, n_of(head), head.data());
  if (head.size() < kDigitsAt ||
      head.compare(kLengthBytes, sizeof(kBeginning) - 1, kBeginning) != 0) {
    const std::string what = looks_like(head);
    throw_file_error(path, "is not one that sailer wrote: it ",
                     (what.empty() ? "does not begin like a sailer file"
                                   : "looks like " + what));
  }
  uint64_t length = 0;
  std::memcpy(&length, head.data(), kLengthBytes);
  if (length > kLongestHeader || kLengthBytes + length > size) {
    throw_file_error(path, "is cut short or damaged: it has ", size,
                     " bytes, and its header alone would have ", length,
                     ". Copy or write it again");
  }
  head.resize(std::max<size_t>(head.size(), kLengthBytes + length));
  from.read(0, n_of(head), head.data());
  return head;
}

}  // namespace

TensorFile read_tensor_file(const std::string& path, const std::string& kind,
                            int64_t newest_version) {
  const DiskFile from(path, DiskFile::Use::kRead);
  const auto size = static_cast<uint64_t>(from.size());
  std::string head = read_head(from);
  const std::string checksum = head.substr(kDigitsAt, kDigits);
  head.replace(kDigitsAt, kDigits, kNoDigits);
  TensorFile file;
  uint64_t whole = head.size();
  try {
    parse_head(head, file);
  } catch (const Malformed&) {
    throw_file_error(
        path,
        "is damaged, or was written by a newer version of sailer than this "
        "one: its header cannot be read. Copy it again, or update sailer");
  }
  for (const StoredTensor& tensor : file.tensors) {
    whole += static_cast<uint64_t>(bytes_of(tensor));
  }
  if (whole != size) {
    throw_file_error(path, size < whole ? "is cut short" : "is damaged",
                     ": it has ", size, " bytes instead of ", whole,
                     ". Copy or write it again");
  }
  Checksum sum;
  sum.add(head.data(), head.size());
  int64_t at = n_of(head);
  for (size_t k : data_order(file.tensors)) {
    StoredTensor& tensor = file.tensors[k];
    const int64_t n = bytes_of(tensor);
    const std::shared_ptr<char[]> data(new char[n]);
    from.read(at, n, data.get());
    sum.add(data.get(), n);
    tensor.data = std::shared_ptr<const void>(data, data.get());
    at += n;
  }
  if (digits_of(sum.value()) != checksum) {
    throw_file_error(
        path,
        "is damaged: its bytes have changed since it was written. Copy or "
        "write it again");
  }
  if (file.kind != kind) {
    throw_file_error(path, "is a sailer file that holds a ", file.kind,
                     ", not a ", kind);
  }
  if (file.version > newest_version) {
    throw_file_error(
        path,
        "was written by a newer version of sailer than this one; update "
        "sailer (the file has version ",
        file.version, ", and this package reads versions up to ",
        newest_version, ")");
  }
  return file;
}

}  // namespace sailer
