#include "sealed_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "../support/checksum.h"
#include "../support/error.h"
#include "seal.h"

namespace sailer {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& message) {
  throw Error(ErrorKind::kFile, message);
}

[[noreturn]] void fail_to_write(const std::string& path,
                                const std::string& reason) {
  fail("The file '" + path + "' could not be written: " + reason + ".");
}

// A file of the system, closed with the object.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : id_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~Descriptor() {
    if (id_ >= 0) ::close(id_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return id_; }
  bool valid() const { return id_ >= 0; }

  // Reads up to `count` bytes; fewer only at the end of the file. Negative when
  // the system refuses.
  int64_t read(void* out, int64_t count) const {
    auto* bytes = static_cast<char*>(out);
    int64_t done = 0;
    while (done < count) {
      const ssize_t n =
          ::read(id_, bytes + done, static_cast<size_t>(count - done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -1;
      if (n == 0) break;
      done += n;
    }
    return done;
  }

 private:
  int id_;
};

struct Content {
  int64_t size = 0;
  uint64_t checksum = 0;
};

// All bytes from where the file stands to its end.
Content read_content(const Descriptor& file, const std::string& path) {
  constexpr int64_t kPiece = int64_t{1} << 20;
  const auto buffer = std::make_unique<char[]>(kPiece);
  Checksum sum;
  Content content;
  for (;;) {
    const int64_t n = file.read(buffer.get(), kPiece);
    if (n < 0) {
      fail("The file '" + path + "' cannot be read: " + std::strerror(errno) +
           ".");
    }
    sum.add(buffer.get(), static_cast<size_t>(n));
    content.size += n;
    if (n < kPiece) break;
  }
  content.checksum = sum.value();
  return content;
}

// Writing ---------------------------------------------------------------------

constexpr char kPartMark[] = ".partial-";

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Of this process alone, on this machine and on others that see the folder.
std::string own_mark() {
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return std::string(host) + "-" + std::to_string(::getpid());
}

// A file being written, removed unless it came to its place.
class PartialFile {
 public:
  explicit PartialFile(const std::string& path)
      : place_(path), path_(path + kPartMark + own_mark()) {}
  ~PartialFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  const std::string& path() const { return path_; }

  void move_to_place() {
    if (::rename(path_.c_str(), place_.c_str()) != 0) {
      fail_to_write(place_, std::strerror(errno));
    }
    path_.clear();
    // The new name is on the disk when its folder is. Where folders cannot be
    // told to be, nothing is lost but that certainty.
    const Descriptor folder(folder_of(place_), O_RDONLY | O_DIRECTORY);
    if (folder.valid()) ::fsync(folder.get());
  }

 private:
  std::string place_;
  std::string path_;
};

// A link stays, and what it points to is replaced.
std::string behind_links(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  const fs::path real = fs::canonical(path, error);
  return error ? path : real.string();
}

// What processes that were killed have left. A file that is still written to is
// younger.
void remove_old_parts(const std::string& path) {
  const std::string start = fs::path(path).filename().string() + kPartMark;
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code error;
  for (fs::directory_iterator entry(folder_of(path), error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.compare(0, start.size(), start) != 0) continue;
    std::error_code gone;  // by its own process, meanwhile
    const auto written = fs::last_write_time(entry->path(), gone);
    if (!gone && written < old) fs::remove(entry->path(), gone);
  }
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

// Has the disk keep what was written.
void keep(const Descriptor& file, const std::string& shown_as) {
  if (!file.valid() || ::fsync(file.get()) != 0) {
    fail_to_write(shown_as, std::strerror(errno));
  }
}

// Puts the seal on a file whose content is written, and has the disk keep both.
void seal(const std::string& path, const std::string& shown_as,
          const std::string& kind, int version) {
  const Descriptor file(path, O_RDWR);
  if (!file.valid() || ::lseek(file.get(), Seal::kSize, SEEK_SET) < 0) {
    fail_to_write(shown_as, std::strerror(errno));
  }
  const Content content = read_content(file, shown_as);
  const Seal::Bytes bytes =
      pack_seal({kind, version, content.size, content.checksum});
  const ssize_t n = ::pwrite(file.get(), bytes.data(), bytes.size(), 0);
  if (n != static_cast<ssize_t>(bytes.size())) {
    fail_to_write(shown_as, n >= 0 ? "the disk is full" : std::strerror(errno));
  }
  keep(file, shown_as);
}

// Writes beside the place, calls finish(part, place), and moves it there.
template <typename Finish>
void write_beside(const std::string& given, int64_t user_block,
                  const std::function<void(hdf5::FileWriter&)>& write,
                  const Finish& finish) {
  const std::string path = behind_links(given);
  check_place(path);
  remove_old_parts(path);
  PartialFile part(path);
  {
    hdf5::FileWriter writer(part.path(), user_block, path);
    write(writer);
    writer.close();
  }
  finish(part.path(), path);
  part.move_to_place();
}

}  // namespace

void write_atomically(const std::string& path, const std::string& kind,
                      int version,
                      const std::function<void(hdf5::FileWriter&)>& write) {
  write_beside(path, Seal::kSize, write,
               [&](const std::string& part, const std::string& place) {
                 seal(part, place, kind, version);
               });
}

void write_unsealed(const std::string& path,
                    const std::function<void(hdf5::FileWriter&)>& write) {
  write_beside(path, 0, write,
               [](const std::string& part, const std::string& place) {
                 keep(Descriptor(part, O_RDWR), place);
               });
}

// Reading ---------------------------------------------------------------------

namespace {

constexpr char kNewer[] =
    " by a newer version of sailer than this one; update sailer";

// Of a file that is there.
[[noreturn]] void fail_as_foreign(const std::string& path,
                                  const Seal::Bytes& bytes, int64_t n_bytes) {
  const std::string what = looks_like(bytes, n_bytes);
  fail("The file '" + path + "' is not one that sailer wrote: it " +
       (what.empty() ? "begins like no file of sailer" : "looks like " + what) +
       ".");
}

Seal read_seal(const Descriptor& file, const std::string& path) {
  Seal::Bytes bytes{};
  const int64_t n_bytes = file.read(bytes.data(), Seal::kSize);
  if (n_bytes < 0) {
    fail("The file '" + path + "' cannot be read: " + std::strerror(errno) +
         ".");
  }
  if (n_bytes == 0) fail("The file '" + path + "' is empty.");
  Seal seal;
  switch (unpack_seal(bytes, n_bytes, seal)) {
    case SealState::kWhole:
      break;
    case SealState::kForeign:
      fail_as_foreign(path, bytes, n_bytes);
    case SealState::kNewer:
      fail("The file '" + path + "' was written" + kNewer + ".");
    case SealState::kDamaged:
      fail("The file '" + path +
           (n_bytes < Seal::kSize
                ? "' is cut short: only its first bytes are there."
                : "' is damaged: its first 512 bytes have changed since it "
                  "was written."));
  }
  return seal;
}

void check_content(const Seal& seal, const Content& found,
                   const std::string& path) {
  if (found.size != seal.content_size) {
    const bool cut = found.size < seal.content_size;
    fail("The file '" + path + "' is " +
         (cut ? "cut short: it has " : "damaged: it has ") +
         std::to_string(found.size + Seal::kSize) + " bytes instead of " +
         std::to_string(seal.content_size + Seal::kSize) +
         ". Copy or write it again.");
  }
  if (found.checksum != seal.content_checksum) {
    fail("The file '" + path +
         "' is damaged: its bytes have changed since it was written. Copy or "
         "write it again.");
  }
}

}  // namespace

SealedFile open_sealed(const std::string& path, const std::string& kind,
                       int newest_version) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    fail("'" + path + "' is a folder; give the path of a file in it.");
  }
  Seal seal;
  {
    const Descriptor file(path, O_RDONLY);
    if (!file.valid()) {
      fail(errno == ENOENT ? "The file '" + path + "' does not exist."
                           : "The file '" + path + "' cannot be opened: " +
                                 std::strerror(errno) + ".");
    }
    seal = read_seal(file, path);
    if (seal.kind != kind) {
      fail("The file '" + path + "' is a sailer file that holds a " +
           seal.kind + ", not a " + kind + ".");
    }
    if (seal.version > newest_version) {
      fail("The file '" + path + "' was written" + kNewer +
           " (the file has version " + std::to_string(seal.version) +
           ", and this package knows them up to " +
           std::to_string(newest_version) + ").");
    }
    check_content(seal, read_content(file, path), path);
  }
  return {hdf5::File(path), seal.version};
}

}  // namespace sailer
