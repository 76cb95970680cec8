// Files that are read and written at offsets, and files that are replaced
// atomically: complete or not there, whatever happens to the disk or the
// process. Uses POSIX only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sailer {

// Uses pread and pwrite, so that a file that becomes shorter or cannot be read
// is an error. (A memory-mapped file would end the process.)
class DiskFile {
 public:
  enum class Use { kRead, kWrite };

  // Holds no file.
  DiskFile() = default;
  // Opens a file for reading; or for writing by this process alone, creating it
  // if it does not exist. Throws Error(kFile), which names the file.
  DiskFile(const std::string& path, Use use);
  // Creates a file without a name in `folder`: nothing is left of it when it is
  // closed or the process ends, in whatever way. is_open() is false if it could
  // not be created.
  static DiskFile temporary(const std::string& folder);

  DiskFile(DiskFile&& other) noexcept;
  DiskFile& operator=(DiskFile&& other) noexcept;
  ~DiskFile();

  bool is_open() const { return id_ >= 0; }
  const std::string& path() const { return path_; }
  int64_t size() const;  // at this moment

  // Reads n bytes starting at offset `at`. Throws Error(kFile) if they are not
  // there any more.
  void read(int64_t at, int64_t n, void* out) const;

  // Write at end(), which then moves behind the new bytes.
  void write(const void* bytes, int64_t n);
  bool try_write(const void* bytes, int64_t n);  // false if the disk is full
  void cut(int64_t end);  // truncates the file and sets end()
  int64_t end() const { return end_; }

  // Flushes what was written to the disk.
  void keep();

 private:
  std::string path_;
  int id_ = -1;
  int64_t end_ = 0;
};

// Throws Error(kFile): the file could not be written, for this reason.
[[noreturn]] void fail_to_write(const std::string& path,
                                const std::string& reason);

// Throws Error(kFile) if the file's folder does not exist or is not a folder,
// or if `path` is itself a folder.
void check_place(const std::string& path);

// Calls write(part) to create a file next to `path`, flushes it to the disk and
// renames it to `path`, which thus holds either the old file or the complete
// new one, even if the process is killed. If `path` is a symbolic link, the
// link stays and its target is replaced. With `durable` = false nothing is
// flushed, for files that a crash may destroy. Throws Error(kFile) if the
// folder or the disk does not accept the file; then nothing is left behind.
void replace_file(const std::string& path,
                  const std::function<void(const std::string& part)>& write,
                  bool durable = true);

}  // namespace sailer
