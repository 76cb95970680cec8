// XXH64 with seed 0, from the xxHash library: it detects damage but does not
// protect against forgery. Any other program can recompute it.
#pragma once

#define XXH_INLINE_ALL  // nothing to link
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace sailer {

inline uint64_t checksum_of(const void* bytes, size_t count) {
  return XXH64(bytes, count, 0);
}

// The checksum of bytes that arrive in pieces of any length.
class Checksum {
 public:
  Checksum() : state_(XXH64_createState(), XXH64_freeState) {
    XXH64_reset(state_.get(), 0);
  }
  void add(const void* bytes, size_t count) {
    XXH64_update(state_.get(), bytes, count);
  }
  uint64_t value() const { return XXH64_digest(state_.get()); }

 private:
  std::unique_ptr<XXH64_state_t, XXH_errorcode (*)(XXH64_state_t*)> state_;
};

}  // namespace sailer
