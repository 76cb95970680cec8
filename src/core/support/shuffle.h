// Random numbers without torch: every use has its own stream, all derived from
// one seed, so that equal seeds give equal bits and no stream disturbs another.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace sailer {

enum RandomStream : uint64_t {
  kWeightStream = 1,   // initial parameters
  kNoiseStream = 2,    // samples of z, dropout
  kSplitStream = 3,    // validation split
  kOrderStream = 4,    // order of the cells
  kThinStream = 5,     // thinning of the encoder's input
  kStepStream = 6,     // everything else that a step draws
  kMaskStream = 8,     // which genes are looked at and masked
  kProcessStream = 9,  // of each process, if several train together
  kSketchStream = 10   // start of a truncated decomposition
};

// Derives the seed of a stream (splitmix64).
inline uint64_t derive_seed(uint64_t seed, uint64_t stream) {
  uint64_t x = seed + 0x9E3779B97F4A7C15ull * (stream + 1);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

// Derives the seed of a stream for one epoch of a run.
inline uint64_t epoch_seed(uint64_t seed, RandomStream stream, int64_t epoch) {
  return derive_seed(derive_seed(seed, stream), static_cast<uint64_t>(epoch));
}

// Uniform in [0, n), the same on every platform (std's distributions are not).
inline uint64_t uniform_below(std::mt19937_64& engine, uint64_t n) {
  const uint64_t limit = ~uint64_t{0} - ~uint64_t{0} % n;
  uint64_t draw = engine();
  while (draw >= limit) draw = engine();
  return draw % n;
}

// Uniform in [0, 1).
inline double uniform_unit(std::mt19937_64& engine) {
  return static_cast<double>(engine() >> 11) * 0x1.0p-53;
}

// A fair shuffle, the same on every platform.
template <typename T>
void shuffle(std::vector<T>& values, std::mt19937_64& engine) {
  for (size_t k = values.size(); k > 1; --k) {
    std::swap(values[k - 1], values[uniform_below(engine, k)]);
  }
}

}  // namespace sailer
