// A reference embedding as a linear map of what an encoder reads of a cell, its
// open peaks and its reference, and what peaks know beyond it: where SAILERX
// can start.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"
#include "lsi.h"

namespace sailer {

// z of a row of unit length (see accessibility_rows()) is that of `peaks`; and
// of a cell with a reference also the sum of reference[j] times that
// reference's r values and 1.
struct ReferenceMap {
  LinearPosterior peaks;
  std::vector<float> reference;  // row-major, (r + 1) x n_dimensions
};

// The first dimensions of z are principal axes of the reference, without a
// centre: inner products of so many dimensions cannot come nearer to the
// reference's. All are scaled alike, to a mean square of 1 over cells and axes.
// There are at most r of them. Before, what confounders explain of the
// reference is removed: along each canonical direction of the two, of which
// they explain the share r^2 beyond chance, it is shrunk to 1 - 2 r^2 of its
// distance from the mean, and to nothing from a half on (strictly_kept()).
//
// The peaks' path is the least-squares fit of an axis by LSI's scores. It is
// shrunk to the share R2 of the axis' variance that it explains beyond chance
// (adjusted R2). The reference's path is the least-squares fit of what the
// peaks leave by the axis, 1 - R2 of it: so cells lie in one space with and
// without a reference.
//
// The other dimensions are LSI's own, by peaks alone: what separates types in
// peaks need not in the reference. Of a component's signal that part counts
// which the reference does not explain, 1 - R2 of the reverse fit; the most of
// it comes first.
//
// The taken cells with a reference are what is fitted. `confounders` has a row
// for each cell of the source, or is empty; `weights` are those of the columns.
// Nothing when the pass was stopped.
std::optional<ReferenceMap> reference_map(const CellRows& cells,
                                          const std::vector<float>& weights,
                                          const Reference& reference,
                                          const ConfounderMatrix& confounders,
                                          const Lsi& lsi, int64_t n_dimensions);

}  // namespace sailer
