// Files that are read and written at places, and files that are whole or not
// there, whatever happens to disk and process. POSIX alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace sailer {

// By pread and pwrite, so that a file that becomes shorter or cannot be read is
// an error. (A mapped file would end the process.)
class DiskFile {
 public:
  enum class Use { kRead, kWrite };

  // No file.
  DiskFile() = default;
  // To be read, or made where there is none and written to by this process
  // alone. Throws Error(kFile) that names it.
  DiskFile(const std::string& path, Use use);
  // Without a name, in `folder`: nothing is left of it when it is closed or the
  // process ends, however that comes. is_open() is false where none can be.
  static DiskFile temporary(const std::string& folder);

  DiskFile(DiskFile&& other) noexcept;
  DiskFile& operator=(DiskFile&& other) noexcept;
  ~DiskFile();

  bool is_open() const { return id_ >= 0; }
  const std::string& path() const { return path_; }
  int64_t size() const;  // now

  // The n bytes from `at` on. Throws Error(kFile) where they are no longer.
  void read(int64_t at, int64_t n, void* out) const;

  // Appended at the end that was last set, which moves on.
  void write(const void* bytes, int64_t n);
  bool try_write(const void* bytes, int64_t n);  // false on a full disk
  void cut(int64_t end);  // what lies behind is lost; the end is here
  int64_t end() const { return end_; }

  // Has the disk keep what was written.
  void keep();

 private:
  std::string path_;
  int id_ = -1;
  int64_t end_ = 0;
};

// What became of a file that could not be written, as Error(kFile).
[[noreturn]] void fail_to_write(const std::string& path,
                                const std::string& reason);

// Throws it where there is no folder for the file, or one in its place.
void check_place(const std::string& path);

// Has write(part) make a file beside `path`, has the disk keep it, and moves it
// to its place: `path` holds the old file or the whole new one, even where the
// process is killed. A link stays, and what it points to is replaced. `durable`
// = false does without the disk's word, for files that a crash may take. Throws
// Error(kFile) when folder or disk do not take it; then nothing is left behind.
void replace_file(const std::string& path,
                  const std::function<void(const std::string& part)>& write,
                  bool durable = true);

}  // namespace sailer
