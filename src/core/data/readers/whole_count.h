// Counts as they were meant: what arithmetic in float32 added is taken off.
#pragma once

#include <cmath>

namespace sailer {

// A value this near to a whole number, as a share of it, is that number: a few
// roundings in float32 leave a millionth.
inline constexpr float kCountNoise = 2e-6f;

// 3 for 2.9999998. Any other value, NaN too, is returned as it is. Every source
// gives its counts through this, so that whoever reads them sees whole numbers.
inline float whole_count(float value) {
  constexpr float kNoFractions = 8388608.0f;  // floats from 2^23 on are whole
  if (!(value > 0.5f && value < kNoFractions)) return value;
  const float nearest = (value + kNoFractions) - kNoFractions;
  return std::fabs(value - nearest) <= kCountNoise * nearest ? nearest : value;
}

}  // namespace sailer
