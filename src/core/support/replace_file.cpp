#include "replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "error.h"

namespace sailer {
namespace {

namespace fs = std::filesystem;

constexpr char kPartMark[] = ".partial-";

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Of this process alone, on this machine and on others that see the folder.
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

// 0 when the disk keeps what was written, or errno.
int sync(const std::string& path, int flags) {
  const int id = ::open(path.c_str(), flags | O_CLOEXEC);
  if (id < 0) return errno;
  const int failure = ::fsync(id) == 0 ? 0 : errno;
  ::close(id);
  return failure;
}

}  // namespace

void fail_to_write(const std::string& path, const std::string& reason) {
  throw_error(ErrorKind::kFile, "The file '", path,
              "' could not be written: ", reason, ".");
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
    ~Part() { ::unlink(path.c_str()); }  // unless it came to its place
  } const part{path + own_mark()};
  write(part.path);
  const int failure = durable ? sync(part.path, O_RDWR) : 0;
  if (failure != 0) fail_to_write(path, std::strerror(failure));
  if (::rename(part.path.c_str(), path.c_str()) != 0) {
    fail_to_write(path, std::strerror(errno));
  }
  // The new name is on the disk when its folder is. Where folders cannot be
  // synced, nothing is lost but that certainty.
  if (durable) sync(folder_of(path), O_RDONLY | O_DIRECTORY);
}

}  // namespace sailer
