// Tests the HDF5 writer and the checksum.

#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "../../src/core/data/hdf5_writer.h"
#include "../../src/core/support/checksum.h"
#include "catch.h"
#include "data_files.h"
#include "full_disk.h"

namespace data_hdf5_writer_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("the checksum is XXH64", "[data][hdf5][writer]") {
  // Published values of the reference implementation with seed 0.
  REQUIRE(checksum_of("", 0) == 0xEF46DB3751D8E999u);
  REQUIRE(checksum_of("a", 1) == 0xD24EC4F1A98C6E5Bu);
  REQUIRE(checksum_of("abc", 3) == 0x44BC2CF5AD770999u);
  const std::string text =
      "Call me Ishmael. Some years ago--never mind how long precisely-";
  REQUIRE(checksum_of(text.data(), text.size()) == 0x02A2E85470D6FD96u);
  // The checksum does not depend on how the text is split.
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Checksum sum;
    sum.add(text.data(), cut);
    sum.add(text.data() + cut, text.size() - cut);
    REQUIRE(sum.value() == checksum_of(text.data(), text.size()));
  }
}

TEST_CASE("a dataset written in blocks is read back complete",
          "[data][hdf5][writer]") {
  TemporaryFile place;
  constexpr int64_t kRows = 11, kColumns = 23;
  const auto value = [](int64_t i, int64_t j) {
    return static_cast<float>(100 * i + j);
  };
  {
    hdf5::FileWriter file(place.path(), "shown");
    file.chunked("blocks", {kRows, kColumns}, {4, 50});
    for (int64_t i = 0; i < kRows; i += 8) {
      for (int64_t j = 0; j < kColumns; j += 10) {
        const int64_t rows = std::min<int64_t>(8, kRows - i);
        const int64_t columns = std::min<int64_t>(10, kColumns - j);
        std::vector<float> block;
        for (int64_t k = 0; k < rows * columns; ++k) {
          block.push_back(value(i + k / columns, j + k % columns));
        }
        file.write_block("blocks", {i, j}, {rows, columns}, block.data());
      }
    }
    file.chunked("nothing", {0, 5}, {4, 50});
    file.texts("rows", std::vector<std::string>(kRows, "\xe2\x82\xac"));
    file.texts("columns", std::vector<std::string>(kColumns, "c"));
    file.name_dimensions("blocks", {"rows", "columns"}, "dimnames");
    file.close();
  }
  const hdf5::File file(place.path());
  const hdf5::Dataset dataset = file.dataset("blocks");
  REQUIRE(dataset.shape() == std::vector<int64_t>{kRows, kColumns});
  const std::vector<double> found = dataset.numbers();
  for (int64_t k = 0; k < kRows * kColumns; ++k) {
    REQUIRE(found[k] == value(k / kColumns, k % kColumns));
  }
  REQUIRE(file.dataset("nothing").shape() == std::vector<int64_t>{0, 5});
  REQUIRE(file.dataset("rows").strings() ==
          std::vector<std::string>(kRows, "\xe2\x82\xac"));
  REQUIRE(file.dataset("columns").strings()[22] == "c");
}

TEST_CASE("HDF5 never sees a failure of the disk", "[data][hdf5][writer]") {
  TemporaryFile place;
  const std::string path = place.path() + "-folder";
  std::filesystem::create_directory(path);
  std::mt19937 random(3);
  std::vector<float> block(1 << 20);  // 4 MB that deflate cannot compress
  for (float& value : block) value = float(random());
  const auto write = [&](int64_t n) {
    hdf5::FileWriter file(path + "/x.h5", "shown.h5");
    file.chunked("x", {n, 1 << 20}, {1, 1 << 20});
    for (int64_t k = 0; k < n; ++k) {
      file.write_block("x", {k, 0}, {1, 1 << 20}, block.data());
    }
    file.texts("names", {"a"});
    file.close();
  };
  SECTION("a limit of the file size") {
    const sailer_test::FullDisk full(1 << 20);
    REQUIRE_THROWS_WITH(write(1), contains("'shown.h5' could not be written: "
                                           "File too large"));
  }
  SECTION("a full disk") {
    if (mount("tmpfs", path.c_str(), "tmpfs", 0, "size=40m") != 0) {
      WARN("no leave to mount a small disk");
      std::filesystem::remove_all(path);
      return;
    }
    REQUIRE_THROWS_WITH(write(40), contains("No space left on device"));
    REQUIRE(std::filesystem::file_size(path + "/x.h5") > (1 << 20));
    write(2);
    // Space that was reserved but not used is free again.
    REQUIRE(std::filesystem::space(path).available > (30 << 20));
    REQUIRE(umount(path.c_str()) == 0);
  }
  std::filesystem::remove_all(path);
}

}  // namespace data_hdf5_writer_test
