// Files of tensors: read completely, or refused by name before any use.

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "../../src/core/support/checksum.h"
#include "../../src/core/support/disk_file.h"
#include "../../src/core/support/error.h"
#include "../../src/core/support/tensor_file.h"
#include "catch.h"
#include "data_files.h"
#include "full_disk.h"

namespace data_tensor_file_test {

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

constexpr char kDescription[] = "{\"a\": [1, \"zwei\u00e4 \\\\ \\n\"]}";

void write_fixed(const std::string& path, size_t n = 300, double first = 0.5) {
  std::vector<double> values(n);
  for (size_t k = 0; k < n; ++k) values[k] = first + double(k);
  const float few[] = {1.5f, -0.0f, 1e-40f};
  const int64_t one = (int64_t{1} << 60) + 1;
  write_tensor_file(path,
                    {"weights",
                     3,
                     kDescription,
                     {{"few", "F32", {3, 1}, borrowed(few)},
                      {"one\t\"x\"", "I64", {}, borrowed(&one)},
                      {"values", "F64", {int64_t(n)}, borrowed(values.data())},
                      {"none", "U8", {0, 4}, borrowed(nullptr)}}});
}

// The error message, or "" if everything was read.
std::string refusal(const std::string& path,
                    const std::string& kind = "weights", int newest = 3) {
  try {
    read_tensor_file(path, kind, newest);
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::kFile);
    REQUIRE(std::string(error.what()).find(path) != std::string::npos);
    return error.what();
  }
  return "";
}

std::vector<double> values_of(const std::string& path) {
  const TensorFile file = read_tensor_file(path, "weights", 3);
  const auto* values = static_cast<const double*>(file.tensors[2].data.get());
  return {values, values + file.tensors[2].shape[0]};
}

// Writes a file with this header and data, and a valid checksum.
void forge(const std::string& path, const std::string& entries,
           const std::string& data = "") {
  std::string text =
      R"({"__metadata__":{"checksum":"0000000000000000","description":"{}",)"
      R"("kind":"weights","version":"3"})" +
      entries;
  std::string bytes(8, '\0');
  for (int k = 0; k < 8; ++k) bytes[k] = char((text.size() >> (8 * k)) & 0xff);
  bytes += text + data;
  char digits[17];
  std::snprintf(
      digits, sizeof digits, "%016llx",
      static_cast<unsigned long long>(checksum_of(bytes.data(), bytes.size())));
  put_bytes(path, bytes.replace(8 + 29, 16, digits));
}

int n_entries(const std::string& folder) {
  return int(std::distance(fs::directory_iterator(folder), {}));
}

}  // namespace

TEST_CASE("tensors are read back with their names, shapes and bits",
          "[data][tensors]") {
  TemporaryFile place;
  write_fixed(place.path());
  const TensorFile file = read_tensor_file(place.path(), "weights", 5);
  REQUIRE(file.version == 3);
  REQUIRE(file.description == kDescription);
  REQUIRE(file.tensors.size() == 4);
  REQUIRE(file.tensors[0].name == "few");
  REQUIRE(file.tensors[0].shape == std::vector<int64_t>{3, 1});
  const float few[] = {1.5f, -0.0f, 1e-40f};
  REQUIRE(std::memcmp(file.tensors[0].data.get(), few, sizeof few) == 0);
  REQUIRE(file.tensors[1].name == "one\t\"x\"");
  REQUIRE(file.tensors[1].shape.empty());
  REQUIRE(*static_cast<const int64_t*>(file.tensors[1].data.get()) ==
          (int64_t{1} << 60) + 1);
  REQUIRE(values_of(place.path())[299] == 299.5);
  REQUIRE(file.tensors[3].shape == std::vector<int64_t>{0, 4});

  // Check the format independently of the code that wrote it.
  const std::string bytes = bytes_of(place.path());
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  REQUIRE(length % 8 == 0);
  const std::string header = bytes.substr(8, length);
  REQUIRE(header.substr(0, 29) == R"({"__metadata__":{"checksum":")");
  // The doubles come first, then the long integer, each aligned to its size.
  REQUIRE_THAT(header, contains(R"("few":{"dtype":"F32","shape":[3,1],)"
                                R"("data_offsets":[2408,2420]})"));
  REQUIRE_THAT(header, contains(R"("values":{"dtype":"F64","shape":[300],)"
                                R"("data_offsets":[8,2408]})"));
  REQUIRE(std::memcmp(bytes.data() + 8 + length + 2408, few, sizeof few) == 0);
  REQUIRE(bytes.size() == 8 + length + 2420);
  TemporaryFile again;
  write_fixed(again.path());
  REQUIRE((bytes == bytes_of(again.path())));
}

TEST_CASE("headers with invalid JSON are refused despite a valid checksum",
          "[data][tensors]") {
  TemporaryFile place;
  forge(place.path(), "}");
  REQUIRE(refusal(place.path()) == "");
  const std::string entry = R"(,"a":{"dtype":"U8","shape":[0],)";
  forge(place.path(), entry + R"("data_offsets":[0,0]}}    )");
  REQUIRE(refusal(place.path()) == "");
  for (const std::string& bad : std::vector<std::string>{
           "",
           "]",
           "} x",
           ",}",
           R"(,"a":1})",
           R"(,"a":{}})",
           R"(,"a":[[[[[[]]]]]]})",
           entry + R"("data_offsets":[0]}})",
           entry + R"("data_offsets":[0,-0]}})",
           entry + R"("data_offsets":[)",
           entry + R"("data_offsets":[0,0.0]}})",
           entry + R"("data_offsets":[0,99999999999999999999]}})",
           entry + R"("data_offsets":[0,0],"x":1}})",
           entry,
           entry + R"("data_offsets":[0,0]},})",
           R"(,"\u0000":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
           R"(,"\u00)",
           R"(,"\)",
           R"(,"a)",
           ",\"a\\"}) {
    INFO(bad);
    forge(place.path(), bad);
    REQUIRE_THAT(refusal(place.path()), contains("header cannot be read"));
  }
}

TEST_CASE("malicious headers are refused despite a valid checksum",
          "[data][tensors]") {
  TemporaryFile place;
  const std::string data(16, 'x');
  const auto two = [](const std::string& a, const std::string& b) {
    return R"(,"a":{"dtype":"F32",)" + a + R"(},"b":{"dtype":"F32",)" + b +
           "}}";
  };
  const std::string b = R"("shape":[2],"data_offsets":[8,16])";
  forge(place.path(), two(R"("shape":[2,1],"data_offsets":[0,8])", b), data);
  REQUIRE(refusal(place.path()) == "");
  const std::pair<std::string, std::string> cases[] = {
      // overlap, gap, end before start, mismatched shape
      {R"("shape":[3],"data_offsets":[0,12])", "damaged"},
      {R"("shape":[1],"data_offsets":[4,8])", "damaged"},
      {R"("shape":[1],"data_offsets":[0,4])", "damaged"},
      {R"("shape":[0],"data_offsets":[8,0])", "damaged"},
      {R"("shape":[4],"data_offsets":[0,8])", "damaged"},
      {R"("shape":[0],"data_offsets":[0,8])", "damaged"},
      // beyond the end of the file; more than any memory; too large to count
      {R"("shape":[2],"data_offsets":[100,108])", "damaged"},
      {R"("shape":[1000000000000],"data_offsets":[0,4000000000000])",
       "damaged"},
      {R"("shape":[4611686018427387904,4],"data_offsets":[0,8])", "damaged"},
  };
  for (const auto& [a, said] : cases) {
    INFO(a);
    forge(place.path(), two(a, b), data);
    REQUIRE_THAT(refusal(place.path()), contains(said));
  }
  const std::string vast =
      R"(,"a":{"dtype":"F32","shape":[100000000000],"data_offsets":[0,)"
      R"(400000000000]}})";
  forge(place.path(), vast, data);
  REQUIRE_THAT(refusal(place.path()), contains("cut short"));
  forge(place.path(),
        R"(,"a":{"dtype":"BF16","shape":[8],"data_offsets":[0,16]}})", data);
  REQUIRE_THAT(refusal(place.path()), contains("header cannot be read"));
  std::string bytes = bytes_of(place.path());
  for (int k = 0; k < 8; ++k) {  // ever larger header lengths
    bytes[k] = char(k == 7 ? 0x7f : 0xff);
    put_bytes(place.path(), bytes);
    REQUIRE_THAT(refusal(place.path()), contains("damaged"));
  }
}

TEST_CASE("other files are refused with the reason", "[data][tensors]") {
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
  REQUIRE(said("does not begin like a sailer file"));
  write_tenx3(place.path(), TenxParts(random_counts(9, 8)));
  REQUIRE(said("an HDF5 file of another program"));
  put_bytes(place.path(), std::string("\x02\0\0\0\0\0\0\0{\"a\"", 12));
  REQUIRE(said("safetensors of another program"));
  write_fixed(place.path());
  REQUIRE(refusal(place.path()) == "");
  REQUIRE_THROWS_WITH(read_tensor_file(place.path(), "model", 3),
                      contains("holds a weights, not a model"));
  REQUIRE_THROWS_WITH(read_tensor_file(place.path(), "weights", 2),
                      contains("update sailer"));
  Folder folder;
  REQUIRE_THROWS_WITH(read_tensor_file(folder.path(), "weights", 3),
                      contains("is a folder"));
}

TEST_CASE("one changed byte anywhere is detected", "[data][tensors]") {
  TemporaryFile place;
  write_fixed(place.path());
  const std::string whole = bytes_of(place.path());
  std::mt19937 random(4);
  for (size_t k = 0; k < 600 + 300; ++k) {
    const size_t at = k < 600 ? k : 600 + random() % (whole.size() - 600);
    std::string damaged = whole;
    damaged[at] = char(damaged[at] ^ (1 << (random() % 8)));
    put_bytes(place.path(), damaged);
    const std::string message = refusal(place.path());
    INFO("byte " << at << ": " << message);
    REQUIRE_FALSE(message.empty());
    if (at < 8 || at >= 37) {
      REQUIRE(message.find("damaged") != std::string::npos);
    }
  }
}

TEST_CASE("a file truncated anywhere, or too long, is refused as such",
          "[data][tensors]") {
  TemporaryFile place;
  write_fixed(place.path());
  const std::string whole = bytes_of(place.path());
  std::mt19937 random(4);
  for (int k = 0; k < 200; ++k) {
    const size_t kept = 37 + random() % (whole.size() - 37);
    put_bytes(place.path(), whole.substr(0, kept));
    const std::string message = refusal(place.path());
    INFO(kept << " bytes: " << message);
    REQUIRE(message.find("cut short") != std::string::npos);
  }
  put_bytes(place.path(), whole + "x");
  REQUIRE(refusal(place.path()).find("instead of") != std::string::npos);
}

TEST_CASE("a failure leaves only the old file", "[data][tensors]") {
  Folder folder;
  const std::string path = folder / "w.safetensors";
  write_fixed(path);
  const std::string old = bytes_of(path);
  const auto give_up = [](const std::string& part) {
    put_bytes(part, "half of it");
    throw Error(ErrorKind::kData, "no more");
  };
  REQUIRE_THROWS_WITH(replace_file(path, give_up), contains("no more"));
  REQUIRE((bytes_of(path) == old));
  REQUIRE(n_entries(folder.path()) == 1);
  REQUIRE_THROWS_WITH(write_fixed(folder / "no/w.safetensors"),
                      contains("there is no folder"));
  REQUIRE_THROWS_WITH(write_fixed(path + "/w.safetensors"),
                      contains("is not a folder"));
  REQUIRE_THROWS_WITH(write_fixed(folder.path()), contains("is a folder"));
  if (geteuid() != 0) {
    chmod(folder.path().c_str(), 0500);
    REQUIRE_THROWS_WITH(write_fixed(path), contains("Permission denied"));
    chmod(folder.path().c_str(), 0700);
  }
  write_fixed(path, 10);
  REQUIRE(values_of(path).size() == 10);
  fs::create_symlink(path, folder / "link.h5");
  write_fixed(folder / "link.h5", 20);
  REQUIRE(fs::is_symlink(folder / "link.h5"));
  REQUIRE(values_of(path).size() == 20);
}

namespace {

void write_many_parts(const std::string& path) {
  const std::vector<double> values(700, 0.25);
  TensorFile file{"parts", 1, std::string(9000, ' '), {}};
  for (const std::string& name : numbered("part ", 150)) {
    file.tensors.push_back({name, "F64", {7, 100}, borrowed(values.data())});
  }
  write_tensor_file(path, file);
}

}  // namespace

TEST_CASE("a disk failure at any point is reported, and nothing is lost",
          "[data][tensors]") {
  Folder folder;
  const std::string path = folder / "w.safetensors";
  write_many_parts(path);
  const std::string old = bytes_of(path);
  for (size_t limit = 0; limit < old.size(); limit += old.size() / 61) {
    std::string message;
    {
      const FullDisk disk(limit);
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

TEST_CASE("a full disk is reported, and the old file stays",
          "[data][tensors]") {
  Folder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    WARN("no leave to mount a small disk");
    return;
  }
  const std::string path = folder / "w.safetensors";
  write_fixed(path);
  const std::string old = bytes_of(path);
  REQUIRE_THROWS_WITH(write_fixed(path, 100000),
                      contains("No space left on device"));
  REQUIRE((bytes_of(path) == old));
  REQUIRE(n_entries(folder.path()) == 1);
  // No open file keeps the disk full or in use.
  write_fixed(path, 25000);
  REQUIRE(umount(folder.path().c_str()) == 0);
}

TEST_CASE("a killed writer leaves a complete file", "[data][tensors]") {
  Folder folder;
  const std::string path = folder / "w.safetensors";
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
  // Their leftover files are removed once they are old.
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    fs::last_write_time(
        entry, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }
  write_fixed(path);
  REQUIRE(n_entries(folder.path()) == 1);
}

}  // namespace data_tensor_file_test
