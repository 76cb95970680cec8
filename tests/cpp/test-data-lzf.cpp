// Decompressing LZF. Files that h5py compressed are read in test-cells-h5ad.R.

#include <random>
#include <string>
#include <vector>

#include "../../src/core/data/readers/hdf5_types.h"
#include "catch.h"

namespace data_lzf_test {

using sailer::hdf5::unpack_lzf;
using Bytes = std::vector<uint8_t>;

namespace {

std::string unpack(const Bytes& packed, size_t capacity = 400) {
  std::string out(capacity, '?');
  const size_t n = unpack_lzf(packed.data(), packed.size(),
                              reinterpret_cast<uint8_t*>(&out[0]), capacity);
  return out.substr(0, n);
}

}  // namespace

TEST_CASE("LZF: runs and repeats, worked out by hand", "[data][lzf]") {
  REQUIRE(unpack({2, 'a', 'b', 'c'}) == "abc");
  // Three bytes (1 + 2) from two back: the last one was just written.
  REQUIRE(unpack({1, 'a', 'b', 1 << 5, 1}) == "ababa");
  // 7 means that a byte with more follows: 7 + 2 + 3 copies of the previous
  // byte.
  REQUIRE(unpack({0, 'x', 7 << 5, 3, 0, 0, 'y'}) == std::string(13, 'x') + "y");
  // 258 back: 1 in the low bits of the control byte.
  Bytes far;
  for (int k = 0; k < 260; ++k) {
    if (k % 20 == 0) far.push_back(19);
    far.push_back(static_cast<uint8_t>(k));
  }
  far.insert(far.end(), {(1 << 5) | 1, 1});
  const std::string text = unpack(far);
  REQUIRE(text.size() == 263);
  REQUIRE(text.substr(260) == std::string{'\2', '\3', '\4'});
}

TEST_CASE("LZF: invalid bytes are refused without leaving the bounds",
          "[data][lzf]") {
  REQUIRE(unpack({5, 'a'}).empty());             // ends within a run
  REQUIRE(unpack({0, 'a', 1 << 5}).empty());     // ends within a repeat
  REQUIRE(unpack({0, 'a', 7 << 5}).empty());     // ends before its length
  REQUIRE(unpack({0, 'a', 1 << 5, 1}).empty());  // starts before the beginning
  REQUIRE(unpack({2, 'a', 'b', 'c'}, 2).empty());
  REQUIRE(unpack({0, 'a', 1 << 5, 0}, 3).empty());
  std::mt19937 random(3);
  for (int k = 0; k < 20000; ++k) {
    Bytes noise(random() % 40);
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random());
    const size_t capacity = random() % 300;
    Bytes out(capacity + 8, 0xAA);  // guard bytes after the output
    const size_t n =
        unpack_lzf(noise.data(), noise.size(), out.data(), capacity);
    REQUIRE(n <= capacity);
    REQUIRE(Bytes(out.end() - 8, out.end()) == Bytes(8, 0xAA));
  }
}

}  // namespace data_lzf_test
