#include "seal.h"

#include <algorithm>
#include <cctype>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "../support/checksum.h"

namespace sailer {
namespace {

constexpr char kMagic[] = "sailer file ";
constexpr char kFormat[] = "1\n";
constexpr int64_t kOwnChecksum = 8;  // bytes at the end

uint64_t own_checksum(const Seal::Bytes& bytes) {
  return checksum_of(bytes.data(), bytes.size() - kOwnChecksum);
}

bool begins_with(const Seal::Bytes& bytes, int64_t n_bytes, const char* text,
                 size_t length) {
  return static_cast<size_t>(n_bytes) >= length &&
         std::memcmp(bytes.data(), text, length) == 0;
}

bool is_text(const Seal::Bytes& bytes, int64_t n_bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + n_bytes, [](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code >= 0x80 || std::isprint(code) != 0 || std::isspace(code) != 0;
  });
}

}  // namespace

Seal::Bytes pack_seal(const Seal& seal) {
  Seal::Bytes bytes{};
  std::snprintf(bytes.data(), bytes.size(),
                "%s%skind: %s\nversion: %d\ncontent: %" PRId64 " %016" PRIx64
                "\n",
                kMagic, kFormat, seal.kind.c_str(), seal.version,
                seal.content_size, seal.content_checksum);
  const uint64_t checksum = own_checksum(bytes);
  for (int64_t k = 0; k < kOwnChecksum; ++k) {  // little endian
    bytes[Seal::kSize - kOwnChecksum + k] =
        static_cast<char>((checksum >> (8 * k)) & 0xff);
  }
  return bytes;
}

SealState unpack_seal(const Seal::Bytes& bytes, int64_t n_bytes, Seal& seal) {
  const size_t n_magic = sizeof(kMagic) - 1;
  if (!begins_with(bytes, n_bytes, kMagic, n_magic)) return SealState::kForeign;
  if (n_bytes < Seal::kSize) return SealState::kDamaged;
  Seal::Bytes text = bytes;
  text.back() = '\0';
  uint64_t checksum = 0;
  for (int64_t k = 0; k < kOwnChecksum; ++k) {
    const auto byte =
        static_cast<unsigned char>(bytes[Seal::kSize - kOwnChecksum + k]);
    checksum |= uint64_t{byte} << (8 * k);
  }
  if (checksum != own_checksum(bytes)) return SealState::kDamaged;
  if (std::strncmp(text.data() + n_magic, kFormat, sizeof(kFormat) - 1) != 0) {
    return SealState::kNewer;
  }
  char kind[64] = "";
  const int n_read = std::sscanf(
      text.data() + n_magic + sizeof(kFormat) - 1,
      "kind: %63[^\n]\nversion: %d\ncontent: %" SCNd64 " %" SCNx64, kind,
      &seal.version, &seal.content_size, &seal.content_checksum);
  seal.kind = kind;
  return n_read == 4 ? SealState::kWhole : SealState::kDamaged;
}

std::string looks_like(const Seal::Bytes& bytes, int64_t n_bytes) {
  struct Beginning {
    const char* text;
    size_t length;
    const char* meaning;
  };
  static constexpr Beginning kKnown[] = {
      {"\x89HDF\r\n\x1a\n", 8,
       "an HDF5 file of another program; counts are opened with open_cells()"},
      {"\x1f\x8b", 2,
       "a file packed by gzip, as an .rds file, which readRDS() reads"},
      {"BZh", 3, "a file packed by bzip2"},
      {"\xfd"
       "7zXZ",
       5, "a file packed by xz"},
      {"X\n", 2, "a file of R, which readRDS() reads"},
      {"A\n", 2, "a file of R, which readRDS() reads"},
      {"RDX", 3, "a file of R, which load() reads"},
      {"RDA", 3, "a file of R, which load() reads"},
      {"PK\x03\x04", 4, "a zip archive, as PyTorch saves models in"},
  };
  for (const Beginning& known : kKnown) {
    if (begins_with(bytes, n_bytes, known.text, known.length)) {
      return known.meaning;
    }
  }
  return is_text(bytes, n_bytes) ? "a text file" : "";
}

}  // namespace sailer
