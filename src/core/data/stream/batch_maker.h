// Makes minibatches in host memory from cells that a PlaceReader reads. It may
// run in the prefetch thread, so it uses neither R nor a device, and calls no
// LibTorch operation that would start threads there.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "../confounders.h"
#include "place_reader.h"
#include "sparse_batch.h"

namespace sailer {

// The share of a cell's open peaks hidden from the encoder is drawn uniformly
// between these.
struct Thinning {
  double min = 0, max = 0;
};

struct HostOptions {
  Thinning thinning;
  at::ScalarType type = at::kFloat;
  // Makes only the target, with int32 indices, the confounders and the
  // reference; finish_on_device() adds the rest.
  bool for_device = false;
  bool pinned = false;  // in pinned memory, for copies to a GPU
};

// Makes the minibatch of n cells. `seed` determines which peaks are hidden.
SparseBatch make_batch(PlaceReader& reader, const ConfounderMatrix& confounders,
                       const Reference& reference, const int64_t* cells,
                       int64_t n, uint64_t seed, const HostOptions& options);

}  // namespace sailer
