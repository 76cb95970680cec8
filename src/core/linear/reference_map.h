// A reference embedding as a linear map of what an encoder reads of a cell, its
// open peaks and its reference: where SAILERX can start.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"

namespace sailer {

// z = shift + sum of loadings[p] over the entries of a row of unit length (see
// accessibility_rows()); and of a cell with a reference also the sum of
// reference[j] times that reference's r values and 1.
struct ReferenceMap {
  int64_t n_dimensions = 0;
  std::vector<float> loadings;   // row-major, columns x n_dimensions
  std::vector<float> shift;      // n_dimensions
  std::vector<float> reference;  // row-major, (r + 1) x n_dimensions
};

// The dimensions of z are principal axes of the reference, without a centre:
// inner products of so many dimensions cannot come nearer to the reference's.
// All are scaled alike, to a mean square of 1 over cells and axes; beyond the
// reference's own dimensions z is 0.
//
// The peaks' path is the least-squares fit of an axis by LSI, the truncated SVD
// of TF-IDF without its first component, which is depth. It is shrunk to the
// share R2 of the axis' variance that it explains beyond chance (adjusted R2).
// The reference's path is the least-squares fit of what the peaks leave by the
// axis, 1 - R2 of it: so cells lie in one space with and without a reference.
//
// The taken cells with a reference are what is fitted; LSI is of all that are
// taken. `weights` are those of the columns. Nothing when a pass was stopped.
std::optional<ReferenceMap> reference_map(const CellRows& cells,
                                          const std::vector<float>& weights,
                                          const Reference& reference,
                                          int64_t n_dimensions, uint64_t seed);

}  // namespace sailer
