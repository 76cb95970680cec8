// R's arrays have the first dimension fastest, HDF5's the last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sailer {

// Calls visit(k, j) for every value of an array: the k-th with the last
// dimension fastest is the j-th with the first one fastest.
template <typename Visit>
void for_each_place(const std::vector<int64_t>& shape, Visit visit) {
  const size_t rank = shape.size();
  std::vector<int64_t> stride(rank, 1), index(rank, 0);
  int64_t count = rank == 0 ? 1 : shape[0];
  for (size_t d = 1; d < rank; ++d) {
    stride[d] = stride[d - 1] * shape[d - 1];
    count *= shape[d];
  }
  int64_t place = 0;
  for (int64_t k = 0; k < count; ++k) {
    visit(k, place);
    for (size_t d = rank; d-- > 0;) {
      place += stride[d];
      if (++index[d] < shape[d]) break;
      place -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace sailer
