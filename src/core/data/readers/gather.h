// Cells in any order, read in as few pieces as the source likes.
#pragma once

#include <vector>

#include "cell_source.h"

namespace sailer {

// Appends `cells` (any order, repeats allowed) to `out`, in the order given.
// Files are read in runs of neighbouring cells: a short gap is read through,
// since a second read of the same compressed chunk costs more.
void gather(CellSource& source, const std::vector<int64_t>& cells,
            SparseRows& out);

}  // namespace sailer
