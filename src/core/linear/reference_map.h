// A reference embedding as a linear map of what an encoder reads of a cell (its
// open peaks and its reference), together with what the peaks know beyond the
// reference: a starting point for SAILERX.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"
#include "lsi.h"

namespace sailer {

// For a row of unit length (see accessibility_rows()), z is given by `peaks`.
// If the cell has a reference, the rows of `reference`, weighted by the r
// values of the cell's reference and 1, are added.
struct ReferenceMap {
  LinearPosterior peaks;
  std::vector<float> reference;  // row-major, (r + 1) x n_dimensions
};

// The first dimensions of z, at most r, are the principal axes of the
// reference, without centring: no other map to that many dimensions comes
// closer to the inner products of the reference. All axes are scaled by the
// same factor, to a mean square of 1 over cells and axes. Before that, what
// confounders explain of the reference is removed: along each canonical
// direction of the two, of which they explain the share e beyond chance, the
// distance from the mean is multiplied by 1 - 2 e, and by 0 from one half on
// (strictly_kept()).
//
// The path from the peaks is the least-squares fit of an axis by the LSI
// scores, shrunk to R2, the share of the axis' variance that it explains beyond
// chance (adjusted R2). The path from the reference is the least-squares fit,
// by the axis, of what the peaks leave, 1 - R2 of it. Cells with and without a
// reference therefore lie in the same space.
//
// The other dimensions are LSI components, from peaks alone, because what
// separates cell types in peaks need not do so in the reference. Of a
// component's signal, only the part that the reference does not explain counts,
// 1 - R2 of the reverse fit; the components with the most of it are used.
//
// The fit uses the taken cells that have a reference. `confounders` has a row
// for each cell of the source, or is empty; `weights` are those of the columns.
// Returns nullopt if the pass was stopped.
std::optional<ReferenceMap> reference_map(const CellRows& cells,
                                          const std::vector<float>& weights,
                                          const Reference& reference,
                                          const ConfounderMatrix& confounders,
                                          const Lsi& lsi, int64_t n_dimensions);

}  // namespace sailer
