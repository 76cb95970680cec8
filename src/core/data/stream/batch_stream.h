// The stream: cells of a source, in a given order, as minibatches on the
// device. It binarises counts, drops and renumbers peaks, and thins what the
// encoder sees. It does not know what labels mean.
//
// The cells of a store are kept on the device, unless it is the CPU, if they
// fit there. Otherwise one thread makes minibatches ahead of their use. (Not
// for a reader: it may use HDF5, which only the main thread may call.) Neither
// changes the minibatches: on one kind of device they depend only on the cells,
// the seed and the position.
#pragma once

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "../confounders.h"
#include "../readers/cell_source.h"
#include "batch_maker.h"
#include "device_cells.h"
#include "ordered_batches.h"
#include "place_reader.h"
#include "sparse_batch.h"

namespace sailer {

struct StreamOptions {
  int64_t batch_size = 100;
  Thinning thinning;  // none for evaluation
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;  // or kDouble

  // Minibatches made ahead by a thread; 0 makes each one on request.
  size_t prefetch = 3;

  // Bytes of device memory that resident cells may take; 0: cells are streamed;
  // -1: half of what is free when the stream is made.
  int64_t resident_bytes = -1;

  // Keeps the cells resident on any device, even the CPU. For tests, to run the
  // code for devices without one.
  bool force_resident = false;

  // Called regularly while cells are uploaded or packed. If it returns true, an
  // upload is abandoned and cells are streamed; without packed cells nothing is
  // served. May be empty.
  std::function<bool()> cancelled;
};

class BatchStream {
 public:
  // peak_map[feature] is the feature's index in the model's layout, or -1.
  // `confounders` has one row per cell of the source, and so does `reference`
  // unless its width is 0.
  BatchStream(CellSourcePtr source, const std::vector<int32_t>& peak_map,
              ConfounderMatrix confounders, const StreamOptions& options,
              Reference reference = {});
  ~BatchStream();

  // Starts serving `cells` in this order, beginning with the one at `position`.
  // The thinning of a minibatch depends on `seed` and its position in the
  // order: starting at a position where a minibatch began gives the same
  // minibatches as an uninterrupted run. Ends any previous run.
  void start(std::vector<int64_t> cells, uint64_t seed, int64_t position = 0);

  // Stops reading ahead; nothing is served until start() is called again.
  void stop();

  // Gets the next minibatch; returns false at the end. A last one of fewer than
  // `at_least` cells is left out. Rethrows what the source threw; the stream
  // can then be started again.
  bool next(SparseBatch& batch, int64_t at_least = 1);

  // The cells of the minibatch that next() served last.
  const std::vector<int64_t>& cells() const { return batches_.cells(); }

  CellSource& source() { return reader_.source(); }
  bool resident() const { return resident_ != nullptr; }

  // Both take effect at the next start().
  void set_thinning(Thinning thinning) { options_.thinning = thinning; }
  void set_batch_size(int64_t size) { options_.batch_size = size; }
  int64_t batch_size() const { return options_.batch_size; }

 private:
  void keep_resident();
  void to_device(SparseBatch& batch) const;
  bool on_device() const;

  ConfounderMatrix confounders_;
  Reference reference_;
  StreamOptions options_;
  PlaceReader reader_;
  std::unique_ptr<DeviceCells> resident_;
  at::Generator generator_;  // of the device

  // State of the current run.
  uint64_t seed_ = 0;
  HostOptions made_;
  at::Tensor device_order_;              // on the device, if cells are resident
  OrderedBatches<SparseBatch> batches_;  // last: its thread uses the others
};

}  // namespace sailer
