#include "tensor_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>

#include "checksum.h"
#include "error.h"
#include "replace_file.h"
#include "tensor_header.h"

namespace sailer {
namespace {

#if defined(__BYTE_ORDER__)
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "Tensors are written as they lie in memory.");
#endif

// How every header begins: the digits of the checksum are next.
constexpr char kBeginning[] = R"({"__metadata__":{"checksum":")";
constexpr size_t kBeforeDigits = sizeof(kBeginning) - 1;
constexpr char kNoDigits[] = "0000000000000000";
constexpr size_t kDigits = sizeof(kNoDigits) - 1;
constexpr size_t kLengthBytes = 8;
constexpr size_t kLongestHeader = 100000000;  // safetensors' own bound

std::string digits_of(uint64_t checksum) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, checksum);
  return digits;
}

// A file of the system, closed with the object.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : id_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (id_ >= 0) ::close(id_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool valid() const { return id_ >= 0; }
  int64_t size() const { return ::lseek(id_, 0, SEEK_END); }

  // Bytes read or written, fewer than `count` at the end of the file or of the
  // disk; negative when the system refuses.
  int64_t read(void* out, int64_t count, int64_t from) const {
    return all(count, [&](int64_t done, size_t n) {
      return ::pread(id_, static_cast<char*>(out) + done, n, from + done);
    });
  }
  int64_t write(const void* bytes, int64_t count) const {
    return all(count, [&](int64_t done, size_t n) {
      return ::write(id_, static_cast<const char*>(bytes) + done, n);
    });
  }

 private:
  template <typename Move>
  static int64_t all(int64_t count, const Move& move) {
    constexpr int64_t kPiece = int64_t{1} << 30;
    int64_t done = 0;
    while (done < count) {
      const auto piece = static_cast<size_t>(std::min(kPiece, count - done));
      const ssize_t n = move(done, piece);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;
      done += n;
    }
    return done;
  }

  int id_;
};

// Numbers of many bytes first, so that each lies at a multiple of its size.
std::vector<size_t> order_of_data(const std::vector<StoredTensor>& tensors) {
  std::vector<size_t> order(tensors.size());
  for (size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return bytes_of_dtype(tensors[a].dtype) > bytes_of_dtype(tensors[b].dtype);
  });
  return order;
}

// Length and header, without the checksum.
std::string head_of(const TensorFile& file, const std::vector<size_t>& order) {
  TensorHeader header;
  header.metadata = {{"checksum", kNoDigits},
                     {"kind", file.kind},
                     {"version", std::to_string(file.version)},
                     {"description", file.description}};
  header.entries.resize(file.tensors.size());
  int64_t end = 0;
  for (size_t k : order) {
    const StoredTensor& tensor = file.tensors[k];
    const int64_t first = end;
    end += bytes_of(tensor);
    header.entries[k] = {tensor.name, tensor.dtype, tensor.shape, first, end};
  }
  std::string text = format_header(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kLongestHeader) {
    throw Error(ErrorKind::kFile,
                "The description is too long for a file of tensors: " +
                    std::to_string(text.size()) + " bytes, and at most " +
                    std::to_string(kLongestHeader) + " can be read.");
  }
  std::string length;
  for (size_t k = 0; k < kLengthBytes; ++k) {
    length += static_cast<char>((text.size() >> (8 * k)) & 0xff);
  }
  return length + text;
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
  const std::vector<size_t> order = order_of_data(file.tensors);
  std::string head = head_of(file, order);
  Checksum sum;
  sum.add(head.data(), head.size());
  for (size_t k : order) {
    const StoredTensor& tensor = file.tensors[k];
    sum.add(tensor.data.get(), static_cast<size_t>(bytes_of(tensor)));
  }
  head.replace(kLengthBytes + kBeforeDigits, kDigits, digits_of(sum.value()));
  replace_file(
      path,
      [&](const std::string& part) {
        const Descriptor to(part, O_WRONLY | O_CREAT | O_TRUNC);
        if (!to.valid()) fail_to_write(path, std::strerror(errno));
        const auto put = [&](const void* bytes, int64_t count) {
          const int64_t n = to.write(bytes, count);
          if (n == count) return;
          fail_to_write(path,
                        n < 0 ? std::strerror(errno) : "the disk is full");
        };
        put(head.data(), static_cast<int64_t>(head.size()));
        for (size_t k : order) {
          put(file.tensors[k].data.get(), bytes_of(file.tensors[k]));
        }
      },
      durable);
}

// Reading ---------------------------------------------------------------------

std::string looks_like(const std::string& bytes) {
  struct Beginning {
    size_t at;
    std::string text, meaning;
  };
  static const Beginning kKnown[] = {
      {8, "{\"", "safetensors of another program"},
      {0, "\x89HDF\r\n",
       "an HDF5 file of another program; counts are opened with open_cells()"},
      {0, "\x1f\x8b",
       "a file packed by gzip, as an .rds file, which readRDS() reads"},
      {0, "X\n", "a file of R, which readRDS() reads"},
      {0, "RDX", "a file of R, which load() reads"},
      {0, "PK\x03\x04", "a zip archive, as PyTorch saves models in"},
  };
  for (const Beginning& known : kKnown) {
    if (bytes.compare(known.at > bytes.size() ? bytes.size() : known.at,
                      known.text.size(), known.text) == 0) {
      return known.meaning;
    }
  }
  const bool text = std::all_of(bytes.begin(), bytes.end(), [](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code >= 0x80 || std::isprint(code) != 0 || std::isspace(code) != 0;
  });
  return text ? "a text file" : "";
}

namespace {

class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path), file_(path, O_RDONLY) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
      throw Error(ErrorKind::kFile, "'" + path +
                                        "' is a folder; give the path of a "
                                        "file in it.");
    }
    if (!file_.valid()) {
      fail(errno == ENOENT
               ? "does not exist"
               : "cannot be opened: " + std::string(std::strerror(errno)));
    }
    size_ = file_.size();
    if (size_ == 0) fail("is empty");
  }

  TensorFile read() {
    const TensorHeader header = read_header();
    check_places(header);
    TensorFile out;
    out.tensors = read_data(header);
    if (digits_of(sum_.value()) != header.metadata.at("checksum")) {
      fail(
          "is damaged: its bytes have changed since it was written. Copy or "
          "write it again");
    }
    for (const TensorHeader::Entry& entry : header.entries) {
      if (bytes_of_dtype(entry.dtype) == 0) {
        fail("holds '" + entry.name + "' of type " + entry.dtype +
             ", which this version of sailer does not read");
      }
    }
    for (const char* key : {"kind", "version", "description"}) {
      if (header.metadata.count(key) == 0)
        fail_as_damaged("it has no " + std::string(key));
    }
    out.kind = header.metadata.at("kind");
    out.version = std::atoi(header.metadata.at("version").c_str());
    out.description = header.metadata.at("description");
    return out;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kFile, "The file '" + path_ + "' " + what + ".");
  }

 private:
  [[noreturn]] void fail_as_damaged(const std::string& reason) const {
    fail("is damaged: " + reason + ". Copy or write it again");
  }

  void read_bytes(void* out, int64_t count) {
    const int64_t n = file_.read(out, count, at_);
    if (n < 0) fail("cannot be read: " + std::string(std::strerror(errno)));
    if (n < count) fail("is cut short");
    at_ += count;
  }

  TensorHeader read_header() {
    std::string head(static_cast<size_t>(std::min<int64_t>(
                         size_, kLengthBytes + kBeforeDigits + kDigits)),
                     '\0');
    read_bytes(head.data(), static_cast<int64_t>(head.size()));
    if (head.compare(std::min(kLengthBytes, head.size()), kBeforeDigits,
                     kBeginning) != 0) {
      const std::string what = looks_like(head);
      fail("is not one that sailer wrote: it " +
           (what.empty() ? "begins like no file of sailer"
                         : "looks like " + what));
    }
    uint64_t length = 0;
    for (size_t k = kLengthBytes; k-- > 0;) {
      length = length << 8 | static_cast<unsigned char>(head[k]);
    }
    if (length > kLongestHeader ||
        static_cast<int64_t>(kLengthBytes + length) > size_) {
      fail("is cut short or damaged: its header would have " +
           std::to_string(length) + " bytes. Copy or write it again");
    }
    at_ = 0;
    head.resize(kLengthBytes + length);
    read_bytes(head.data(), static_cast<int64_t>(head.size()));
    TensorHeader header;
    try {
      header = parse_header(head.substr(kLengthBytes));
    } catch (const Error& error) {
      fail_as_damaged(error.what());
    }
    head.replace(kLengthBytes + kBeforeDigits, kDigits, kNoDigits);
    sum_.add(head.data(), head.size());
    return header;
  }

  // Every tensor has its own bytes, none are left over, and all are there.
  void check_places(const TensorHeader& header) {
    for (const TensorHeader::Entry& entry : header.entries) {
      order_.push_back(&entry);
    }
    std::sort(order_.begin(), order_.end(), [](const auto* a, const auto* b) {
      return std::pair(a->first, a->end) < std::pair(b->first, b->end);
    });
    int64_t end = 0;
    for (const TensorHeader::Entry* entry : order_) {
      int64_t n = bytes_of_dtype(entry->dtype);
      for (int64_t size : entry->shape) {
        if (size > 0 && n > std::numeric_limits<int64_t>::max() / size) {
          fail_as_damaged("the shape of '" + entry->name + "' is too large");
        }
        n *= size;
      }
      // Unknown types are refused when it is sure that no bytes have changed.
      const bool fits =
          bytes_of_dtype(entry->dtype) == 0 || entry->end - end == n;
      if (entry->first != end || entry->end < end || !fits) {
        fail_as_damaged("the place of '" + entry->name +
                        "' does not fit its shape and the tensors beside it");
      }
      end = entry->end;
    }
    if (end != size_ - at_) {
      fail(std::string(end > size_ - at_ ? "is cut short: it has "
                                         : "is damaged: it has ") +
           std::to_string(size_) + " bytes instead of " +
           std::to_string(at_ + end) + ". Copy or write it again");
    }
  }

  std::vector<StoredTensor> read_data(const TensorHeader& header) {
    std::vector<StoredTensor> out(header.entries.size());
    for (const TensorHeader::Entry* entry : order_) {
      const int64_t n = entry->end - entry->first;
      const std::shared_ptr<char[]> data(new char[static_cast<size_t>(n)]);
      read_bytes(data.get(), n);
      sum_.add(data.get(), static_cast<size_t>(n));
      out[static_cast<size_t>(entry - header.entries.data())] = {
          entry->name, entry->dtype, entry->shape,
          std::shared_ptr<const void>(data, data.get())};
    }
    return out;
  }

  std::string path_;
  Descriptor file_;
  int64_t size_ = 0, at_ = 0;
  std::vector<const TensorHeader::Entry*> order_;  // by their bytes
  Checksum sum_;
};

}  // namespace

TensorFile read_tensor_file(const std::string& path, const std::string& kind,
                            int newest_version) {
  Reader reader(path);
  TensorFile file = reader.read();
  if (file.kind != kind) {
    reader.fail("is a sailer file that holds a " + file.kind + ", not a " +
                kind);
  }
  if (file.version > newest_version) {
    reader.fail(
        "was written by a newer version of sailer than this one; "
        "update sailer (the file has version " +
        std::to_string(file.version) + ", and this package knows them up to " +
        std::to_string(newest_version) + ")");
  }
  return file;
}

}  // namespace sailer
