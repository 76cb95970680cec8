#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "block.h"

namespace sailer::packed {

namespace {

constexpr int64_t kGroup = 32;

int64_t bits_of(uint32_t number) {
  int64_t bits = 0;
  for (; number != 0; number >>= 1) ++bits;
  return bits;
}

int64_t bytes_of(int64_t n, int64_t width) { return (n * width + 7) / 8; }

// A group of numbers of one width that the compiler knows: shifts and places
// become constants.
template <int kWidth>
int64_t unpack_group(const unsigned char* bytes, int64_t n, int64_t last,
                     int32_t* out) {
  constexpr uint64_t kMask = (uint64_t{1} << kWidth) - 1;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t bit = k * kWidth;
    uint64_t word;
    std::memcpy(&word, bytes + bit / 8, 8);
    last += 1 + static_cast<int64_t>((word >> (bit % 8)) & kMask);
    out[k] = static_cast<int32_t>(last);
  }
  return last;
}

using UnpackGroup = int64_t (*)(const unsigned char*, int64_t, int64_t,
                                int32_t*);

template <int... kWidths>
constexpr std::array<UnpackGroup, sizeof...(kWidths)> of_widths(
    std::integer_sequence<int, kWidths...>) {
  return {unpack_group<kWidths>...};
}

constexpr auto kUnpack = of_widths(std::make_integer_sequence<int, 32>());

}  // namespace

void pack_rising(const int32_t* numbers, int64_t n,
                 std::vector<unsigned char>& out) {
  uint32_t steps[kGroup];
  int64_t last = -1;
  for (int64_t first = 0; first < n; first += kGroup) {
    const int64_t m = std::min(kGroup, n - first);
    uint32_t any = 0;
    for (int64_t k = 0; k < m; ++k) {
      steps[k] = static_cast<uint32_t>(numbers[first + k] - last - 1);
      any |= steps[k];
      last = numbers[first + k];
    }
    const int64_t width = bits_of(any);
    out.push_back(static_cast<unsigned char>(width));
    const size_t at = out.size();
    out.resize(at + static_cast<size_t>(bytes_of(m, width)));
    unsigned char* to = out.data() + at;
    uint64_t held = 0;  // bits that are no whole byte yet
    int64_t n_held = 0;
    for (int64_t k = 0; k < m; ++k) {
      held |= uint64_t{steps[k]} << n_held;
      for (n_held += width; n_held >= 8; n_held -= 8, held >>= 8) {
        *to++ = static_cast<unsigned char>(held);
      }
    }
    if (n_held > 0) *to = static_cast<unsigned char>(held);
  }
}

bool unpack_rising(const unsigned char* bytes, int64_t n_bytes, int64_t n,
                   int64_t limit, int32_t* out) {
  const unsigned char* const end = bytes + n_bytes;
  int64_t last = -1;
  for (int64_t first = 0; first < n; first += kGroup) {
    if (bytes >= end) return false;
    const int64_t m = std::min(kGroup, n - first);
    const int64_t width = *bytes++;
    if (width > 31 || bytes_of(m, width) > end - bytes) return false;
    last = kUnpack[width](bytes, m, last, out + first);
    bytes += bytes_of(m, width);
  }
  // Sums of steps rise: the last number is the largest. 2^36 times 32 cannot
  // pass 64 bits.
  return bytes == end && last < limit;
}

}  // namespace sailer::packed
