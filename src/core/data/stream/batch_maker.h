// Minibatches in host memory, made of cells that a PlaceReader reads. Made in
// the prefetch thread: this knows neither R nor a device, and calls no
// operation of LibTorch that would start threads there.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "../confounders.h"
#include "place_reader.h"
#include "sparse_batch.h"

namespace sailer {

// Shares of open peaks hidden from the encoder: uniform between the two.
struct Thinning {
  double min = 0, max = 0;
};

struct HostOptions {
  Thinning thinning;
  at::ScalarType type = at::kFloat;
  // For a device the target, the confounders and the reference alone, indices
  // as int32; finish_on_device() adds the rest.
  bool for_device = false;
  bool pinned = false;  // in memory that a GPU can reach by itself
};

// The minibatch of n cells. `seed` decides what of them is hidden.
SparseBatch make_batch(PlaceReader& reader, const ConfounderMatrix& confounders,
                       const Reference& reference, const int64_t* cells,
                       int64_t n, uint64_t seed, const HostOptions& options);

}  // namespace sailer
