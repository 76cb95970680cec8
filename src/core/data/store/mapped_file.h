// A file mapped into memory to be read: its bytes are at hand without being
// loaded, and the system keeps what is used often.
//
// POSIX alone. A file that becomes shorter while it is mapped would end the
// process when its lost bytes are touched: call check_size() before a stretch
// of reading.
#pragma once

#include <cstdint>
#include <string>

namespace sailer {

class MappedFile {
 public:
  // Throws Error(kFile) when there is no such file or it cannot be mapped. An
  // empty file has no bytes.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const unsigned char* bytes() const { return bytes_; }
  int64_t size() const { return size_; }
  const std::string& path() const { return path_; }

  // Throws Error(kFile) when the file has become shorter than the mapping.
  void check_size() const;

 private:
  std::string path_;
  int id_ = -1;
  int64_t size_ = 0;
  const unsigned char* bytes_ = nullptr;
};

}  // namespace sailer
