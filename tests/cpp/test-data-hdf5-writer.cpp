// What sealed files are made of: the HDF5 writer, and the checksum.

#include <algorithm>

#include "../../src/core/data/hdf5_writer.h"
#include "../../src/core/support/checksum.h"
#include "catch.h"
#include "data_files.h"

using namespace sailer;
using namespace sailer_test;

TEST_CASE("the checksum is XXH64", "[data][hdf5][writer]") {
  // Published values of the reference implementation, seed 0.
  REQUIRE(checksum_of("", 0) == 0xEF46DB3751D8E999u);
  REQUIRE(checksum_of("a", 1) == 0xD24EC4F1A98C6E5Bu);
  REQUIRE(checksum_of("abc", 3) == 0x44BC2CF5AD770999u);
  const std::string text =
      "Call me Ishmael. Some years ago--never mind how long precisely-";
  REQUIRE(checksum_of(text.data(), text.size()) == 0x02A2E85470D6FD96u);
  // Pieces are the whole, wherever it is cut.
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Checksum sum;
    sum.add(text.data(), cut);
    sum.add(text.data() + cut, text.size() - cut);
    REQUIRE(sum.value() == checksum_of(text.data(), text.size()));
  }
}

TEST_CASE("datasets of every type and rank come back", "[data][hdf5][writer]") {
  TemporaryFile place;
  const std::vector<float> f{0.1f, -0.0f, 3e38f, 1e-40f, 5, 6};
  const std::vector<double> d{0.1, 1e-310};
  const std::vector<int32_t> i{-7, 1 << 30};
  const std::vector<int64_t> l{-(int64_t{1} << 60), (int64_t{1} << 60) + 1};
  const std::vector<uint8_t> u{0, 255, 3};
  {
    hdf5::FileWriter file(place.path());
    file.write("f", {1, 2, 3}, f.data());
    file.write("d", {2, 1}, d.data());
    file.write("i", {2}, i.data());
    file.write("l", {2}, l.data());
    file.write("u", {3}, u.data());
    file.write("single", {}, d.data());
    file.write("none", {0, 4}, d.data());
    file.texts("t", {2, 1}, {"", "\xe2\x82\xac"});
    file.texts("no texts", {0}, {});
    file.attribute("f", "whole", int64_t{-5});
    file.close();
  }
  const hdf5::File file(place.path());
  using hdf5::NumberType;
  const auto check = [&](const std::string& name, NumberType type,
                         const auto& expected, std::vector<int64_t> shape) {
    INFO(name);
    const hdf5::Dataset dataset = file.dataset(name);
    REQUIRE(dataset.number_type() == type);
    REQUIRE(dataset.shape() == shape);
    auto found = expected;
    std::fill(found.begin(), found.end(), 77);
    REQUIRE(found.size() == size_t(dataset.size()));
    dataset.numbers(type, found.data());
    REQUIRE(found == expected);
  };
  check("f", NumberType::kFloat32, f, {1, 2, 3});
  check("d", NumberType::kFloat64, d, {2, 1});
  check("i", NumberType::kInt32, i, {2});
  check("l", NumberType::kInt64, l, {2});
  check("u", NumberType::kUInt8, u, {3});
  check("single", NumberType::kFloat64, std::vector<double>{0.1}, {});
  check("none", NumberType::kFloat64, std::vector<double>{}, {0, 4});
  REQUIRE(file.dataset("t").strings() ==
          std::vector<std::string>{"", "\xe2\x82\xac"});
  REQUIRE(file.dataset("no texts").strings().empty());
  REQUIRE(file.dataset("t").number_type() == NumberType::kOther);
  REQUIRE(file.integers_attribute("f", "whole") == std::vector<int64_t>{-5});
}

TEST_CASE("any name makes one link", "[data][hdf5][writer]") {
  TemporaryFile place;
  const std::vector<std::string> names{"a/b", "%",        ".",   "..",
                                       "%2F", "[1]",      "a.b", " ",
                                       "./",  "\xc3\xa4", "a[2]"};
  const double value = 1;
  {
    hdf5::FileWriter file(place.path());
    for (const std::string& name : names) {
      file.write(hdf5::link_name(name), {}, &value);
    }
    file.close();
  }
  std::vector<std::string> found;
  for (const std::string& link :
       hdf5::File(place.path()).children_in_order("/")) {
    found.push_back(hdf5::name_of_link(link));
  }
  REQUIRE(found == names);
}

TEST_CASE("a dataset written by blocks comes back whole",
          "[data][hdf5][writer]") {
  TemporaryFile place;
  constexpr int64_t kRows = 11, kColumns = 23;
  const auto value = [](int64_t i, int64_t j) {
    return static_cast<float>(100 * i + j);
  };
  {
    hdf5::FileWriter file(place.path());
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
    file.texts("rows", {kRows}, std::vector<const char*>(kRows, "r"));
    file.texts("columns", {kColumns}, std::vector<const char*>(kColumns, "c"));
    file.name_dimensions("blocks", {"rows", "columns"}, "dimnames");
    file.close();
  }
  const hdf5::File file(place.path());
  const hdf5::Dataset dataset = file.dataset("blocks");
  REQUIRE(dataset.shape() == std::vector<int64_t>{kRows, kColumns});
  std::vector<float> found(kRows * kColumns);
  dataset.numbers(hdf5::NumberType::kFloat32, found.data());
  for (int64_t k = 0; k < kRows * kColumns; ++k) {
    REQUIRE(found[k] == value(k / kColumns, k % kColumns));
  }
  REQUIRE(file.dataset("nothing").shape() == std::vector<int64_t>{0, 5});
}
