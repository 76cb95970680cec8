// All cells of a source in a device's memory, and minibatches made from them by
// tensor operations only. Every size is known on the host, so that nothing
// waits for the device.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "../confounders.h"
#include "batch_maker.h"
#include "place_reader.h"
#include "sparse_batch.h"

namespace sailer {

class DeviceCells {
 public:
  // Returns the most bytes that the cells of `source` take, with
  // `n_confounders` confounder values each
  // (ConfounderMatrix::values_per_cell()).
  static int64_t bytes_needed(const CellSource& source, int64_t n_confounders,
                              int64_t reference_width);

  // Reads all cells once and uploads them piece by piece. Returns null if
  // `cancelled`, called before each piece, returned true.
  static std::unique_ptr<DeviceCells> upload(
      PlaceReader& reader, const ConfounderMatrix& confounders,
      const Reference& reference, const at::Device& device, at::ScalarType type,
      const std::function<bool()>& cancelled);

  // Makes the minibatch of `cells`, which are on the host; `on_device` holds
  // the same as an int64 tensor on the device. The input of the encoder is left
  // to finish_on_device().
  SparseBatch gather(const int64_t* cells, const at::Tensor& on_device) const;

  at::Device device() const { return places_.device(); }

 private:
  DeviceCells() = default;
  at::Tensor confounders_of(const at::Tensor& cells) const;

  at::Tensor places_;   // [entries], int32
  at::Tensor offsets_;  // [cells + 1], int64
  // See ConfounderMatrix: the columns of the numbers, the numbers of each cell,
  // and the columns of the ones of its labels.
  int64_t n_confounders_ = 0;  // K
  at::Tensor number_columns_;  // [1, numbers], int64
  at::Tensor numbers_;         // [cells, numbers]
  at::Tensor ones_;            // [cells, labels], int32
  // As in SparseBatch, but for all cells.
  at::Tensor reference_, has_reference_, reference_weight_;
  std::vector<int64_t> host_offsets_;
};

// Fills `input`, `input_weights` and `cell_scale` of a minibatch whose target
// and confounders are on the device. What is hidden depends only on `seed`; the
// entry with the largest draw of each cell is never hidden. `generator` must be
// one of the device.
void finish_on_device(const Thinning& thinning, uint64_t seed,
                      at::Generator& generator, SparseBatch& batch);

}  // namespace sailer
