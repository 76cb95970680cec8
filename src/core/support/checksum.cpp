#include "checksum.h"

#include <algorithm>
#include <cstring>

namespace sailer {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87u;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Fu;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9u;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63u;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5u;

uint64_t rotate(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

// Words are little endian, whatever the machine is.
template <typename Word>
uint64_t load(const unsigned char* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof(word));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  unsigned char* first = reinterpret_cast<unsigned char*>(&word);
  std::reverse(first, first + sizeof(word));
#endif
  return word;
}

uint64_t mix(uint64_t lane, uint64_t word) {
  return rotate(lane + word * kPrime2, 31) * kPrime1;
}

}  // namespace

void Checksum::add_stripes(const unsigned char* bytes, size_t n_stripes) {
  uint64_t a = lanes_[0], b = lanes_[1], c = lanes_[2], d = lanes_[3];
  for (; n_stripes > 0; --n_stripes, bytes += kStripe) {
    a = mix(a, load<uint64_t>(bytes));
    b = mix(b, load<uint64_t>(bytes + 8));
    c = mix(c, load<uint64_t>(bytes + 16));
    d = mix(d, load<uint64_t>(bytes + 24));
  }
  lanes_[0] = a, lanes_[1] = b, lanes_[2] = c, lanes_[3] = d;
}

void Checksum::add(const void* data, size_t count) {
  if (count == 0) return;
  const auto* bytes = static_cast<const unsigned char*>(data);
  total_ += count;
  if (n_rest_ > 0) {
    const size_t taken = std::min(count, kStripe - n_rest_);
    std::memcpy(rest_ + n_rest_, bytes, taken);
    n_rest_ += taken;
    bytes += taken;
    count -= taken;
    if (n_rest_ < kStripe) return;
    add_stripes(rest_, 1);
  }
  add_stripes(bytes, count / kStripe);
  n_rest_ = count % kStripe;
  std::memcpy(rest_, bytes + (count - n_rest_), n_rest_);
}

uint64_t Checksum::value() const {
  uint64_t sum = kPrime5;
  if (total_ >= kStripe) {
    sum = rotate(lanes_[0], 1) + rotate(lanes_[1], 7) + rotate(lanes_[2], 12) +
          rotate(lanes_[3], 18);
    for (uint64_t lane : lanes_) {
      sum = (sum ^ mix(0, lane)) * kPrime1 + kPrime4;
    }
  }
  sum += total_;
  size_t at = 0;
  for (; at + 8 <= n_rest_; at += 8) {
    sum ^= mix(0, load<uint64_t>(rest_ + at));
    sum = rotate(sum, 27) * kPrime1 + kPrime4;
  }
  if (at + 4 <= n_rest_) {
    sum ^= load<uint32_t>(rest_ + at) * kPrime1;
    sum = rotate(sum, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < n_rest_; ++at) {
    sum ^= rest_[at] * kPrime5;
    sum = rotate(sum, 11) * kPrime1;
  }
  sum = (sum ^ (sum >> 33)) * kPrime2;
  sum = (sum ^ (sum >> 29)) * kPrime3;
  return sum ^ (sum >> 32);
}

}  // namespace sailer
