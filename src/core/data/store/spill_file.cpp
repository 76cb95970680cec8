#include "spill_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace sailer {

namespace {

bool write_all(int id, const char* bytes, int64_t size, int64_t at) {
  while (size > 0) {
    const ssize_t n =
        ::pwrite(id, bytes, static_cast<size_t>(size), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= n;
    at += n;
  }
  return true;
}

}  // namespace

SpillFile::~SpillFile() {
  for (const auto& [place, size] : mapped_) ::munmap(place, size);
  if (id_ >= 0) ::close(id_);
}

bool SpillFile::open() {
  if (id_ >= 0) return true;
  std::string path = folder_ + "/sailer-XXXXXX";
  id_ = ::mkstemp(path.data());
  if (id_ < 0) return false;
  ::unlink(path.c_str());
  ::fcntl(id_, F_SETFD, FD_CLOEXEC);
  return true;
}

const void* SpillFile::keep(const void* bytes, int64_t size) {
  if (size <= 0 || !open()) return nullptr;
  if (!write_all(id_, static_cast<const char*>(bytes), size, size_)) {
    // The disk is full: what was written of it is given back.
    const int ignored = ::ftruncate(id_, static_cast<off_t>(size_));
    static_cast<void>(ignored);
    return nullptr;
  }
  void* place = ::mmap(nullptr, static_cast<size_t>(size), PROT_READ,
                       MAP_SHARED, id_, static_cast<off_t>(size_));
  if (place == MAP_FAILED) return nullptr;
  mapped_.emplace_back(place, static_cast<size_t>(size));
  // Mappings begin at the bounds of pages.
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  size_ += (size + page - 1) / page * page;
  return place;
}

}  // namespace sailer
