// Rising numbers in few bits: what a cell's open peaks, or its genes, are in a
// packed block.
//
// Of each number its distance to the one before is kept, less 1. Every 32 of
// them begin with a byte that says how many bits each takes, and end at a
// whole byte: about 8 bits for an open peak.
#pragma once

#include <cstdint>
#include <vector>

namespace sailer::packed {

// What may be read, though not used, behind the bytes given to unpack_rising().
inline constexpr int64_t kSlackBytes = 8;

// Appends n numbers that rise from 0 or above.
void pack_rising(const int32_t* numbers, int64_t n,
                 std::vector<unsigned char>& out);

// False unless the bytes are exactly n numbers below `limit` that rise.
bool unpack_rising(const unsigned char* bytes, int64_t n_bytes, int64_t n,
                   int64_t limit, int32_t* out);

}  // namespace sailer::packed
