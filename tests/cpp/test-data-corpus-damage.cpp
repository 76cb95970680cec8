// Corpora that were truncated, damaged or forged: refused with their name, or
// repaired if only the tail is missing; never a crash.

#include <sys/stat.h>

#include <cstring>

#include "../../src/core/support/checksum.h"
#include "corpus_case.h"

namespace data_corpus_damage_test {

using namespace sailer;
using namespace sailer_test;
using packed::Section;

namespace {

// Small, because every byte of it is tested.
CorpusCase small_case() { return CorpusCase(14, 5); }

// Opens the file and reads all of it in every way. Returns the error message,
// or "".
std::string refusal(const std::string& path, bool check) {
  try {
    Store source(path);
    if (check) source.check_payloads();
    SparseRows rows;
    for (int64_t cell = 0; cell < source.n_cells(); ++cell) {
      source.n_entries(cell, 1);
      source.read(cell, 1, rows);
    }
    source.read(0, source.n_cells(), rows);
    SparseRows open;
    for (int64_t cell = source.n_cells(); cell-- > 0;) {
      source.read_open(&cell, 1, open);
    }
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::kFile);
    REQUIRE(std::string(error.what()).find(path) != std::string::npos);
    return error.what();
  }
  return "";
}

bool says(const std::string& message, const std::string& part) {
  INFO("message: " << message);
  return message.find(part) != std::string::npos;
}

std::string made_bytes() {
  TemporaryFile file(".corpus");
  small_case().build(file.path());
  return bytes_in(file.path());
}

// The offsets at which sections begin.
std::vector<size_t> sections_of(const std::string& bytes) {
  std::vector<size_t> found;
  Section section;
  for (size_t at = 64; at + 80 <= bytes.size(); at += 8) {
    if (packed::unpack_section(
            reinterpret_cast<const unsigned char*>(bytes.data()) + at,
            section)) {
      found.push_back(at);
    }
  }
  return found;
}

std::vector<packed::Block> blocks_of(const std::string& bytes) {
  TemporaryFile file(".corpus");
  put_bytes_in(file.path(), bytes);
  return Store(file.path()).contents().blocks;
}

}  // namespace

TEST_CASE("a build killed at any byte resumes to the same bytes",
          "[data][corpus]") {
  const std::string whole = made_bytes();
  TemporaryFile file(".corpus");
  for (size_t kept = 0; kept < whole.size(); ++kept) {
    put_bytes_in(file.path(), whole.substr(0, kept));
    INFO(kept << " of " << whole.size() << " bytes");
    REQUIRE_FALSE(refusal(file.path(), false).empty());
    // The rest is written again, but not for every byte, because each build
    // waits for the disk.
    if (kept % 31 != 0 && kept % 80 > 0) continue;
    small_case().build(file.path());
    REQUIRE((bytes_in(file.path()) == whole));
  }
}

TEST_CASE("a tail of zeros or noise counts as incomplete, too",
          "[data][corpus]") {
  const std::string whole = made_bytes();
  TemporaryFile file(".corpus");
  std::mt19937 random(2);
  for (size_t at : sections_of(whole)) {
    for (bool zeros : {true, false}) {
      std::string torn = whole.substr(0, at + 30);
      for (int k = 0; k < 300; ++k) torn += char(zeros ? 0 : random());
      put_bytes_in(file.path(), torn);
      REQUIRE(says(refusal(file.path(), false), "not finished"));
      small_case().build(file.path());
      REQUIRE((bytes_in(file.path()) == whole));
    }
  }
}

TEST_CASE("one changed byte anywhere is detected and causes no crash",
          "[data][corpus]") {
  const std::string whole = made_bytes();
  TemporaryFile file(".corpus");
  std::mt19937 random(4);
  std::vector<std::pair<size_t, size_t>> blocks;
  for (const packed::Block& block : blocks_of(whole)) {
    blocks.emplace_back(block.at, block.at + block.payload_bytes);
  }
  int n_mended = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = char(damaged[at] ^ (1 << (random() % 8)));
    put_bytes_in(file.path(), damaged);
    INFO("byte " << at << " of " << whole.size());
    // Bytes of a block that are read are validated even without checking.
    const bool in_block = std::any_of(blocks.begin(), blocks.end(),
                                      [&](const std::pair<size_t, size_t>& b) {
                                        return at >= b.first && at < b.second;
                                      });
    REQUIRE((!refusal(file.path(), false).empty() || !in_block));
    REQUIRE_FALSE(refusal(file.path(), true).empty());
    // A writer reports it, too; only the last section may count as incomplete.
    try {
      small_case().build(file.path());
      REQUIRE((bytes_in(file.path()) == whole));
      ++n_mended;
    } catch (const Error&) {
      REQUIRE((bytes_in(file.path()) == damaged));
      REQUIRE(at + 80 < whole.size());
    }
  }
  REQUIRE(n_mended == 80);
}

TEST_CASE("forged headers with valid checksums are refused", "[data][corpus]") {
  const std::string whole = made_bytes();
  TemporaryFile file(".corpus");
  std::mt19937_64 random(5);
  const std::vector<int64_t> odd = {0,         1,         2,
                                    3,         -1,        8,
                                    80,        1 << 20,   int64_t{1} << 40,
                                    INT64_MAX, INT64_MIN, INT64_MAX - 7};
  int n_refused = 0;
  for (size_t at : sections_of(whole)) {
    for (int field = 1; field < 9; ++field) {
      for (int64_t value : odd) {
        std::string forged = whole;
        char* head = forged.data() + at;
        std::memcpy(head + 8 * field, &value, 8);
        const uint64_t sum = checksum_of(head, 72);
        std::memcpy(head + 72, &sum, 8);
        put_bytes_in(file.path(), forged);
        n_refused += !refusal(file.path(), random() % 2 == 0).empty();
      }
    }
  }
  REQUIRE(n_refused > 500);
}

TEST_CASE("forged cells and genes are refused when they are read",
          "[data][corpus]") {
  const std::string whole = made_bytes();
  const packed::Block block = blocks_of(whole)[1];
  TemporaryFile other(".corpus");
  // With valid checksums.
  const auto forged = [&](int64_t at, const std::string& bytes) {
    std::string changed = whole;
    changed.replace(size_t(block.at + at), bytes.size(), bytes);
    char* head = changed.data() + block.at - 80;
    uint64_t sum =
        checksum_of(head + 80, static_cast<size_t>(block.payload_bytes));
    std::memcpy(head + 64, &sum, 8);
    sum = checksum_of(head, 72);
    std::memcpy(head + 72, &sum, 8);
    put_bytes_in(other.path(), changed);
    return refusal(other.path(), false);
  };
  const std::string follow = "the offsets of the cells are inconsistent";
  REQUIRE(says(forged(4, std::string(4, '\xff')), follow));
  REQUIRE(
      says(forged(4 * (block.n_cells + 2), std::string(4, '\xff')), follow));
  // The width of the first group, then its steps.
  for (const char* bits : {"\x1f", "\x20", "\xff"}) {
    REQUIRE(says(forged(block.features_at, bits),
                 "cells 6 to 10, a cell has impossible features"));
  }
  REQUIRE(says(forged(block.features_at + 1, std::string(2, '\xff')),
               "a cell has impossible features"));
  REQUIRE(says(forged(block.values_at, std::string(1, '\0')),
               "an impossible count"));
}

TEST_CASE("a file that is not a corpus is refused with the reason",
          "[data][corpus]") {
  TemporaryFile file(".corpus");
  REQUIRE(says(refusal(file.path(), false), "does not exist"));
  put_bytes_in(file.path(), "");
  REQUIRE(says(refusal(file.path(), false), "is empty"));
  put_bytes_in(file.path(), "gene,count\nSOX2,3\n");
  REQUIRE(says(refusal(file.path(), false), "looks like a text file"));
  REQUIRE_THROWS_WITH(small_case().build(file.path()),
                      contains("is not a corpus written by build_corpus()"));
  REQUIRE(bytes_in(file.path()) == "gene,count\nSOX2,3\n");
  write_tenx3(file.path(), TenxParts(random_counts(9, 8)));
  REQUIRE(says(refusal(file.path(), false), "an HDF5 file"));
  std::string later = made_bytes();
  later[16] = 3;
  const uint64_t sum = checksum_of(later.data(), 56);
  std::memcpy(later.data() + 56, &sum, 8);
  put_bytes_in(file.path(), later);
  REQUIRE(says(refusal(file.path(), false), "update sailer"));
  const std::string folder = std::filesystem::temp_directory_path().string();
  REQUIRE(says(refusal(folder, false), "is a folder"));
  REQUIRE_THROWS_WITH(small_case().build(folder + "/no-such/x.corpus"),
                      contains("there is no folder"));
}

TEST_CASE("truncation of an open corpus is noticed", "[data][corpus]") {
  TemporaryFile file(".corpus");
  small_case().build(file.path());
  Store source(file.path());
  REQUIRE(truncate(file.path().c_str(), 200) == 0);
  SparseRows rows;
  REQUIRE_THROWS_WITH(source.read(0, 1, rows), contains("became shorter"));
  SparseRows open;
  const int64_t cell = 0;
  REQUIRE_THROWS_WITH(source.read_open(&cell, 1, open),
                      contains("became shorter"));
}

}  // namespace data_corpus_damage_test
