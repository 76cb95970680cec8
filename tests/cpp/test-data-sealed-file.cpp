// Sealed files: whole, or refused by name before HDF5 sees them.

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "../../src/core/data/sealed_file.h"
#include "../../src/core/support/checksum.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"

using namespace sailer;
using namespace sailer_test;
namespace fs = std::filesystem;

namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void put_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void write_fixed(const std::string& path, size_t n = 300, double first = 0.5) {
  write_atomically(path, "weights", 3, [&](hdf5::FileWriter& file) {
    std::vector<double> values(n);
    for (size_t k = 0; k < n; ++k) values[k] = first + double(k);
    file.write("values", {int64_t(n)}, values.data());
    file.group("more");
    file.texts("more/texts", {2}, {"one", "zwei\xc3\xa4"});
    file.attribute("/", "note", "kept");
  });
}

// The message of the refusal, or "" when all was read.
std::string refusal(const std::string& path,
                    const std::string& kind = "weights", int newest = 3) {
  try {
    const SealedFile sealed = open_sealed(path, kind, newest);
    sealed.file.dataset("values").numbers();
    sealed.file.dataset("more/texts").strings();
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::kFile);
    REQUIRE(std::string(error.what()).find(path) != std::string::npos);
    return error.what();
  }
  return "";
}

int n_entries(const std::string& folder) {
  return int(std::distance(fs::directory_iterator(folder), {}));
}

// A folder of its own, removed with the object.
class Folder {
 public:
  Folder() { fs::create_directory(place_.path()); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(place_.path(), ignored);
  }
  const std::string& path() const { return place_.path(); }
  std::string operator/(const std::string& name) const {
    return path() + "/" + name;
  }

 private:
  TemporaryFile place_{""};
};

}  // namespace

TEST_CASE("sealed files come back, and are HDF5 to others", "[data][sealed]") {
  TemporaryFile place;
  write_fixed(place.path());
  const SealedFile sealed = open_sealed(place.path(), "weights", 5);
  REQUIRE(sealed.version == 3);
  REQUIRE(sealed.file.dataset("values").numbers()[299] == 299.5);
  REQUIRE(sealed.file.text_attribute("/", "note") == "kept");
  REQUIRE(sealed.file.children_in_order("/") ==
          std::vector<std::string>{"values", "more"});
  REQUIRE(sealed.file.children("/") ==
          std::vector<std::string>{"more", "values"});

  const hid_t file = H5Fopen(place.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "values", H5P_DEFAULT);
  double values[300];
  REQUIRE(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                  values) >= 0);
  REQUIRE(values[1] == 1.5);
  H5Dclose(set);
  H5Fclose(file);

  const std::string bytes = bytes_of(place.path());
  const std::string begin =
      "sailer file 1\nkind: weights\nversion: 3\ncontent: ";
  REQUIRE(bytes.substr(0, begin.size()) == begin);
  TemporaryFile again;
  write_fixed(again.path());
  REQUIRE((bytes == bytes_of(again.path())));
}

TEST_CASE("what is no sealed file is refused for what it is",
          "[data][sealed]") {
  TemporaryFile place;
  const auto said = [&](const std::string& part) {
    const std::string message = refusal(place.path());
    INFO("message: " << message);
    return message.find(part) != std::string::npos;
  };
  REQUIRE(said("does not exist"));
  put_bytes(place.path(), "");
  REQUIRE(said("is empty"));
  put_bytes(place.path(), "peak,count\nchr1:1-2,3\n");
  REQUIRE(said("looks like a text file"));
  put_bytes(place.path(), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
  REQUIRE(said("readRDS()"));
  put_bytes(place.path(), std::string("\x01\x02\0\x03", 4));
  REQUIRE(said("begins like no file of sailer"));
  write_tenx3(place.path(), TenxParts(random_counts(9, 8)));
  REQUIRE(said("an HDF5 file of another program"));
  write_fixed(place.path());
  REQUIRE(refusal(place.path()) == "");
  REQUIRE_THROWS_WITH(open_sealed(place.path(), "model", 3),
                      contains("holds a weights, not a model"));
  REQUIRE_THROWS_WITH(open_sealed(place.path(), "weights", 2),
                      contains("update sailer"));
  Folder folder;
  REQUIRE_THROWS_WITH(open_sealed(folder.path(), "weights", 3),
                      contains("is a folder"));
}

TEST_CASE("a seal of a later kind asks for an update", "[data][sealed]") {
  TemporaryFile place;
  write_fixed(place.path());
  std::string bytes = bytes_of(place.path());
  bytes[12] = '2';  // "sailer file 2", with the checksum that fits
  const uint64_t sum = checksum_of(bytes.data(), 504);
  for (int k = 0; k < 8; ++k) bytes[504 + k] = char((sum >> (8 * k)) & 0xff);
  put_bytes(place.path(), bytes);
  REQUIRE(refusal(place.path()).find("update sailer") != std::string::npos);
}

TEST_CASE("one changed byte anywhere is noticed", "[data][sealed]") {
  TemporaryFile place;
  write_fixed(place.path());
  const std::string whole = bytes_of(place.path());
  std::mt19937 random(4);
  for (size_t k = 0; k < 512 + 600; ++k) {
    const size_t at = k < 512 ? k : 512 + random() % (whole.size() - 512);
    std::string damaged = whole;
    damaged[at] = char(damaged[at] ^ (1 << (random() % 8)));
    put_bytes(place.path(), damaged);
    const std::string message = refusal(place.path());
    INFO("byte " << at << ": " << message);
    REQUIRE_FALSE(message.empty());
    if (at >= 12) REQUIRE(message.find("damaged") != std::string::npos);
  }
}

TEST_CASE("a file cut short anywhere, or longer, is refused as such",
          "[data][sealed]") {
  TemporaryFile place;
  write_fixed(place.path());
  const std::string whole = bytes_of(place.path());
  std::mt19937 random(4);
  for (int k = 0; k < 200; ++k) {
    const size_t kept = 12 + random() % (whole.size() - 12);
    put_bytes(place.path(), whole.substr(0, kept));
    const std::string message = refusal(place.path());
    INFO(kept << " bytes: " << message);
    REQUIRE(message.find("cut short") != std::string::npos);
  }
  put_bytes(place.path(), whole + "x");
  REQUIRE(refusal(place.path()).find("instead of") != std::string::npos);
}

TEST_CASE("a failure leaves the old file and nothing else", "[data][sealed]") {
  Folder folder;
  const std::string path = folder / "w.h5";
  write_fixed(path);
  const std::string old = bytes_of(path);
  REQUIRE_THROWS_WITH(write_atomically(path, "weights", 3,
                                       [](hdf5::FileWriter& file) {
                                         const double x = 1;
                                         file.write("values", {}, &x);
                                         throw Error(ErrorKind::kData,
                                                     "no more");
                                       }),
                      contains("no more"));
  REQUIRE((bytes_of(path) == old));
  REQUIRE(n_entries(folder.path()) == 1);
  REQUIRE_THROWS_WITH(write_fixed(folder / "no/w.h5"),
                      contains("there is no folder"));
  REQUIRE_THROWS_WITH(write_fixed(path + "/w.h5"), contains("is not a folder"));
  REQUIRE_THROWS_WITH(write_fixed(folder.path()), contains("is a folder"));
  if (geteuid() != 0) {
    chmod(folder.path().c_str(), 0500);
    REQUIRE_THROWS_WITH(write_fixed(path), contains("Permission denied"));
    chmod(folder.path().c_str(), 0700);
  }
  write_fixed(path, 10);
  REQUIRE(open_sealed(path, "weights", 3).file.dataset("values").size() == 10);
  fs::create_symlink(path, folder / "link.h5");
  write_fixed(folder / "link.h5", 20);
  REQUIRE(fs::is_symlink(folder / "link.h5"));
  REQUIRE(open_sealed(path, "weights", 3).file.dataset("values").size() == 20);
}

namespace {

// While it lives, the system refuses writes beyond `n_bytes` of a file, as a
// full disk does.
class FileLimit {
 public:
  explicit FileLimit(size_t n_bytes) {
    getrlimit(RLIMIT_FSIZE, &old_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{std::min<rlim_t>(n_bytes, old_.rlim_max), old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit old_{};
  void (*handler_)(int) = nullptr;
};

// Much of it is HDF5's own: groups, attributes, heaps of text.
void write_many_parts(const std::string& path) {
  write_atomically(path, "parts", 1, [](hdf5::FileWriter& file) {
    const std::vector<double> values(700, 0.25);
    const std::string text(90, 'x');
    for (const std::string& name : numbered("part ", 150)) {
      file.group(name);
      file.write(name + "/values", {7, 100}, values.data());
      file.texts(name + "/texts", {50},
                 std::vector<const char*>(50, text.c_str()));
      file.attribute(name, "text", text);
    }
  });
}

}  // namespace

TEST_CASE("wherever the disk refuses, it is told and nothing is lost",
          "[data][sealed]") {
  Folder folder;
  const std::string path = folder / "w.h5";
  write_many_parts(path);
  const std::string old = bytes_of(path);
  for (size_t limit = 0; limit < old.size(); limit += old.size() / 61) {
    std::string message;
    {
      const FileLimit disk(limit);
      try {
        write_many_parts(path);
      } catch (const Error& error) {
        message = error.what();
      }
    }
    INFO("room for " << limit << ": " << message);
    REQUIRE(message.find(path) != std::string::npos);
    REQUIRE(message.find("File too large") != std::string::npos);
    REQUIRE((bytes_of(path) == old));
    REQUIRE(n_entries(folder.path()) == 1);
  }
  write_many_parts(path);
  REQUIRE((bytes_of(path) == old));
}

TEST_CASE("a full disk is told, and the old file stays", "[data][sealed]") {
  Folder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    WARN("no leave to mount a small disk");
    return;
  }
  const std::string path = folder / "w.h5";
  write_fixed(path);
  const std::string old = bytes_of(path);
  REQUIRE_THROWS_WITH(write_fixed(path, 100000),
                      contains("No space left on device"));
  REQUIRE((bytes_of(path) == old));
  REQUIRE(n_entries(folder.path()) == 1);
  // Nothing is held open that would keep the disk full or in use.
  write_fixed(path, 25000);
  REQUIRE(umount(folder.path().c_str()) == 0);
}

TEST_CASE("a killed writer leaves a whole file", "[data][sealed]") {
  Folder folder;
  const std::string path = folder / "w.h5";
  write_fixed(path, 1000, 1);
  std::mt19937 random(6);
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (double first = 1;; ++first) write_fixed(path, 200000, first);
    }
    usleep(20000 + random() % 60000);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    REQUIRE(refusal(path) == "");
  }
  // What they left goes once it is old.
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    fs::last_write_time(
        entry, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }
  write_fixed(path);
  REQUIRE(n_entries(folder.path()) == 1);
}
