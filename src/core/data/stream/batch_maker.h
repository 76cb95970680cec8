// Minibatches in host memory, made of the cells that a PlaceReader serves. Runs
// in the prefetch thread: it knows neither R nor a device, and calls no
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

struct HostBatch {
  // On the CPU the whole minibatch. For a device the target, the confounders
  // and the reference alone, in pinned memory, indices as int32.
  SparseBatch batch;
  std::vector<int64_t> cells;
};

class BatchMaker {
 public:
  struct Options {
    int64_t batch_size = 100;
    Thinning thinning;
    at::ScalarType type = at::kFloat;
    bool for_device = false;
    bool pinned = false;
  };

  // All borrowed. The minibatches start at cells[position], from which `reader`
  // serves them.
  BatchMaker(PlaceReader& reader, const ConfounderMatrix& confounders,
             const Reference& reference, const std::vector<int64_t>& cells,
             uint64_t seed, int64_t position, const Options& options);

  // The next minibatch; false at the end.
  bool make(HostBatch& out);

 private:
  void make_input(SparseBatch& batch);
  at::Tensor integers(const std::vector<int64_t>& values) const;
  template <typename T>
  at::Tensor indices(const std::vector<int32_t>& values,
                     at::ScalarType type) const;
  at::Tensor rows_of(const std::vector<int64_t>& cells,
                     const std::vector<float>& values, int64_t width) const;
  at::Tensor scale_of(const std::vector<int64_t>& offsets) const;
  at::Tensor empty(at::IntArrayRef shape, at::ScalarType type) const;

  PlaceReader& reader_;
  const ConfounderMatrix& confounders_;
  const Reference& reference_;
  const std::vector<int64_t>& cells_;
  uint64_t seed_;
  int64_t position_;
  Options options_;
  OpenRows rows_, seen_;
};

}  // namespace sailer
