#include "disk_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"
#include "replace_file.h"

namespace sailer {

namespace {

template <typename... Parts>
[[noreturn]] void fail(const std::string& path, const Parts&... reason) {
  throw_error(ErrorKind::kFile, "The file '", path, "' ", reason..., ".");
}

}  // namespace

DiskFile::DiskFile(const std::string& path, Use use) : path_(path) {
  const bool writes = use == Use::kWrite;
  if (writes) check_place(path);
  id_ = ::open(path.c_str(), (writes ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC,
               0666);
  if (id_ < 0 && writes) fail_to_write(path_, std::strerror(errno));
  if (id_ < 0) {
    fail(path, errno == ENOENT
                   ? "does not exist"
                   : std::string("cannot be opened: ") + std::strerror(errno));
  }
  std::string reason;
  struct stat info {};
  if (::fstat(id_, &info) != 0) {
    reason = std::string("cannot be read: ") + std::strerror(errno);
  } else if (!S_ISREG(info.st_mode)) {
    reason = S_ISDIR(info.st_mode)
                 ? "is a folder; give the path of a file in it"
                 : "is no plain file";
  }
  // Where locks are not known (some shared disks) there is none.
  const bool taken = reason.empty() && writes &&
                     ::flock(id_, LOCK_EX | LOCK_NB) != 0 &&
                     errno == EWOULDBLOCK;
  if (reason.empty() && !taken) return;
  ::close(std::exchange(id_, -1));
  if (taken) {
    fail_to_write(path_,
                  "another process is writing to it; wait for it to end");
  }
  fail(path, reason);
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
    fail(path_, "cannot be read: ", std::strerror(errno));
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
      fail(path_, "cannot be read: ", std::strerror(errno));
    }
    if (got == 0) {
      fail(path_,
           "has become shorter while it was read; write or copy it again");
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
