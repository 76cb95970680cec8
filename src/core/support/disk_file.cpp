#include "disk_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include "error.h"

namespace sailer {

namespace {

namespace fs = std::filesystem;

constexpr char kPartMark[] = ".partial-";

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Unique to this process, on this machine and on others that share the folder.
std::string own_mark() {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return kPartMark + std::string(host) + "-" + std::to_string(::getpid());
}

std::string behind_links(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path real = fs::canonical(path, error);
  return error ? path : real.string();
}

// Removes what killed processes left behind an hour ago or earlier. A file that
// is still being written is newer.
void remove_old_parts(const std::string& path) {
  const std::string start = fs::path(path).filename().string() + kPartMark;
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code error;
  for (fs::directory_iterator entry(folder_of(path), error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.compare(0, start.size(), start) != 0) continue;
    std::error_code gone;  // removed by its own process meanwhile
    const auto written = fs::last_write_time(entry->path(), gone);
    if (!gone && written < old) fs::remove(entry->path(), gone);
  }
}

// Flushes a file or folder to the disk. Returns 0, or errno on failure.
int sync(const std::string& path, int flags) {
  const int id = ::open(path.c_str(), flags | O_CLOEXEC);
  if (id < 0) return errno;
  const int failure = ::fsync(id) == 0 ? 0 : errno;
  ::close(id);
  return failure;
}

}  // namespace

void fail_to_write(const std::string& path, const std::string& reason) {
  throw_file_error(path, "could not be written: ", reason);
}

void check_place(const std::string& path) {
  std::error_code error;
  const std::string folder = folder_of(path);
  if (!fs::is_directory(folder, error)) {
    fail_to_write(path,
                  fs::exists(folder, error)
                      ? "'" + folder + "' is not a folder"
                      : "there is no folder '" + folder + "'; create it first");
  }
  if (fs::is_directory(path, error)) {
    fail_to_write(path, "it is a folder; give the path of a file in it");
  }
}

void replace_file(const std::string& given,
                  const std::function<void(const std::string& part)>& write,
                  bool durable) {
  const std::string path = behind_links(given);
  check_place(path);
  remove_old_parts(path);
  struct Part {
    std::string path;
    ~Part() { ::unlink(path.c_str()); }  // no effect after the rename
  } const part{path + own_mark()};
  write(part.path);
  const int failure = durable ? sync(part.path, O_RDWR) : 0;
  if (failure != 0) fail_to_write(path, std::strerror(failure));
  if (::rename(part.path.c_str(), path.c_str()) != 0) {
    fail_to_write(path, std::strerror(errno));
  }
  // The new name is on the disk only once its folder is. If the folder cannot
  // be synced, only that certainty is lost.
  if (durable) sync(folder_of(path), O_RDONLY | O_DIRECTORY);
}

// Delegates to the default constructor, so that the destructor closes the file
// if this constructor throws.
DiskFile::DiskFile(const std::string& path, Use use) : DiskFile() {
  path_ = path;
  const bool writes = use == Use::kWrite;
  if (writes) check_place(path);
  id_ = ::open(path.c_str(), (writes ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC,
               0666);
  if (id_ < 0 && writes) fail_to_write(path, std::strerror(errno));
  if (id_ < 0 && errno == ENOENT) throw_file_error(path, "does not exist");
  if (id_ < 0) {
    throw_file_error(path, "cannot be opened: ", std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(id_, &info) != 0) {
    throw_file_error(path, "cannot be read: ", std::strerror(errno));
  }
  if (S_ISDIR(info.st_mode)) {
    throw_file_error(path, "is a folder; give the path of a file in it");
  }
  if (!S_ISREG(info.st_mode)) throw_file_error(path, "is not a regular file");
  // On file systems without locks (some shared disks) nothing is locked.
  if (writes && ::flock(id_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    fail_to_write(path, "another process is writing to it; wait for it to end");
  }
}

DiskFile DiskFile::temporary(const std::string& folder) {
  DiskFile file;
  file.path_ = folder + "/sailer-XXXXXX";
  file.id_ = ::mkstemp(file.path_.data());
  if (file.id_ < 0) return file;
  ::unlink(file.path_.c_str());
  ::fcntl(file.id_, F_SETFD, FD_CLOEXEC);
  return file;
}

DiskFile::DiskFile(DiskFile&& other) noexcept
    : path_(std::move(other.path_)),
      id_(std::exchange(other.id_, -1)),
      end_(other.end_) {}

DiskFile& DiskFile::operator=(DiskFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(id_, other.id_);
  std::swap(end_, other.end_);
  return *this;
}

DiskFile::~DiskFile() {
  if (id_ >= 0) ::close(id_);
}

int64_t DiskFile::size() const {
  struct stat info {};
  if (::fstat(id_, &info) != 0) {
    throw_file_error(path_, "cannot be read: ", std::strerror(errno));
  }
  return static_cast<int64_t>(info.st_size);
}

void DiskFile::read(int64_t at, int64_t n, void* out) const {
  auto* to = static_cast<char*>(out);
  while (n > 0) {
    const ssize_t got =
        ::pread(id_, to, static_cast<size_t>(n), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw_file_error(path_, "cannot be read: ", std::strerror(errno));
    }
    if (got == 0) {
      throw_file_error(
          path_,
          "became shorter while it was being read; write or copy it again");
    }
    to += got;
    at += got;
    n -= got;
  }
}

bool DiskFile::try_write(const void* bytes, int64_t n) {
  const auto* from = static_cast<const char*>(bytes);
  for (int64_t at = end_, left = n; left > 0;) {
    const ssize_t put =
        ::pwrite(id_, from, static_cast<size_t>(left), static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      if (put == 0) errno = ENOSPC;
      return false;
    }
    from += put;
    at += put;
    left -= put;
  }
  end_ += n;
  return true;
}

void DiskFile::write(const void* bytes, int64_t n) {
  if (!try_write(bytes, n)) fail_to_write(path_, std::strerror(errno));
}

void DiskFile::cut(int64_t end) {
  if (::ftruncate(id_, static_cast<off_t>(end)) != 0) {
    fail_to_write(path_, std::strerror(errno));
  }
  end_ = end;
}

void DiskFile::keep() {
  if (::fdatasync(id_) != 0) fail_to_write(path_, std::strerror(errno));
}

}  // namespace sailer
