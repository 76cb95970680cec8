#include "cell_source.h"

#include "block.h"

namespace sailer {

// Runs of neighbours are read whole and their counts looked at one by one.
void CellSource::read_open(const int64_t* cells, int64_t n, OpenRows& out) {
  RowsGuard<OpenRows> guard(out);
  SparseRows run;
  for (int64_t k = 0; k < n;) {
    int64_t end = k + 1;
    while (end < n && cells[end] == cells[end - 1] + 1) ++end;
    run.clear();
    read(cells[k], end - k, run);
    for (int64_t row = 0; row < run.n_rows(); ++row) {
      append_open(run, row, out);
    }
    k = end;
  }
  guard.keep();
}

std::vector<int32_t> CellSource::blocks() const {
  constexpr int64_t kNeighbours = 64;
  std::vector<int32_t> blocks;
  if (random_access()) return blocks;
  blocks.reserve(static_cast<size_t>(n_cells()));
  for (int64_t cell = 0; cell < n_cells(); ++cell) {
    blocks.push_back(static_cast<int32_t>(cell / kNeighbours));
  }
  return blocks;
}

}  // namespace sailer
