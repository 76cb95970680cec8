// The first 512 bytes of a file of the package; see sealed_file.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace sailer {

struct Seal {
  static constexpr int64_t kSize = 512;
  using Bytes = std::array<char, kSize>;

  std::string kind;
  int version = 0;
  int64_t content_size = 0;
  uint64_t content_checksum = 0;
};

Seal::Bytes pack_seal(const Seal& seal);

enum class SealState {
  kWhole,
  kForeign,  // no file of the package
  kNewer,    // sealed in a way that this package does not know
  kDamaged
};

// Fills `seal` when the state is kWhole. `n_bytes` < Seal::kSize: the file ends
// there.
SealState unpack_seal(const Seal::Bytes& bytes, int64_t n_bytes, Seal& seal);

// What a file that is not of the package looks like, by how it begins: "a file
// of R that readRDS() reads", or "" when it looks like nothing known.
std::string looks_like(const Seal::Bytes& bytes, int64_t n_bytes);

}  // namespace sailer
