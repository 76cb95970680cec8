// A temporary file for numbers that need not stay in memory: they are mapped
// back, and the system drops and reads them again as it sees fit.
//
// POSIX alone. The file has no name while it is used, so that nothing is left
// of it when the process ends, however that comes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sailer {

class SpillFile {
 public:
  // In `folder`, made when the first bytes are kept.
  explicit SpillFile(std::string folder) : folder_(std::move(folder)) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  // Appends `size` bytes and gives the place at which they can be read as long
  // as this lives; nullptr where they cannot be kept, as on a full disk.
  const void* keep(const void* bytes, int64_t size);

 private:
  bool open();

  std::string folder_;
  int id_ = -1;
  int64_t size_ = 0;
  std::vector<std::pair<void*, size_t>> mapped_;
};

}  // namespace sailer
