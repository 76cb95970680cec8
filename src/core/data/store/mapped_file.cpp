#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../../support/error.h"

namespace sailer {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::kFile, "The file '" + path + "' " + reason + ".");
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  id_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (id_ < 0) {
    fail(path, errno == ENOENT
                   ? "does not exist"
                   : std::string("cannot be opened: ") + std::strerror(errno));
  }
  struct stat info {};
  std::string reason;
  if (::fstat(id_, &info) != 0) {
    reason = std::string("cannot be read: ") + std::strerror(errno);
  } else if (!S_ISREG(info.st_mode)) {
    reason = S_ISDIR(info.st_mode)
                 ? "is a folder; give the path of a file in it"
                 : "is no plain file, and cannot be mapped into memory";
  } else if (info.st_size > 0) {
    size_ = static_cast<int64_t>(info.st_size);
    void* place = ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ,
                         MAP_SHARED, id_, 0);
    if (place == MAP_FAILED) {
      reason =
          std::string("cannot be mapped into memory: ") + std::strerror(errno);
    } else {
      bytes_ = static_cast<const unsigned char*>(place);
    }
  }
  if (!reason.empty()) {
    ::close(id_);
    fail(path, reason);
  }
}

MappedFile::~MappedFile() {
  if (bytes_ != nullptr) {
    ::munmap(const_cast<unsigned char*>(bytes_), static_cast<size_t>(size_));
  }
  ::close(id_);
}

void MappedFile::check_size() const {
  struct stat info {};
  if (::fstat(id_, &info) != 0 || static_cast<int64_t>(info.st_size) < size_) {
    fail(path_, "has become shorter while it was read; write or copy it again");
  }
}

}  // namespace sailer
