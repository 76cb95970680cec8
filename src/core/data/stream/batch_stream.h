// The stream: cells of a source, in a given order, as minibatches on the
// device. It binarises, drops and renumbers peaks, and thins what the encoder
// sees; what a label means it does not know.
//
// Minibatches are made ahead of their use by one thread, where a store is read
// (a reader may use HDF5, which is for the thread of the program), or lie on
// the device already when all cells fit there. Neither changes them: on one
// kind of device they depend on the cells, the seed and the position alone.
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
  Thinning thinning;  // none while evaluating
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;  // or kDouble

  // Minibatches made ahead by a thread; 0 makes each when it is asked for.
  size_t prefetch = 3;

  // Bytes of a device's memory that cells may take for good; 0: none, they are
  // streamed; -1: half of what is free when the stream is made.
  int64_t resident_bytes = -1;

  // Keeps the cells resident wherever they are computed, on the CPU too. For
  // tests: the device's way without a device.
  bool force_resident = false;

  // Asked now and then while cells are uploaded or packed; true gives up: they
  // are streamed, or nothing is served. May be empty.
  std::function<bool()> cancelled;
};

class BatchStream {
 public:
  // peak_map[feature] is the feature's place in the model's layout, or -1.
  // `confounders` has one row per cell of the source, and `reference` too
  // unless its width is 0.
  BatchStream(CellSourcePtr source, const std::vector<int32_t>& peak_map,
              ConfounderMatrix confounders, const StreamOptions& options,
              Reference reference = {});
  ~BatchStream();

  // Serves `cells` from now on, in this order, from the one at `position` on.
  // `seed` decides the thinning, of each minibatch by its place in the order:
  // from a position that was the start of a minibatch the rest is the same as
  // without the stop. Ends what was under way.
  void start(std::vector<int64_t> cells, uint64_t seed, int64_t position = 0);

  // Ends reading ahead; nothing is served until start() is called again.
  void stop();

  // The next minibatch; false at the end. A last one of fewer than `at_least`
  // cells is left out. Throws what the source threw; start() mends the stream.
  bool next(SparseBatch& batch, int64_t at_least = 1);

  // The cells of the minibatch that `next` served last.
  const std::vector<int64_t>& cells() const { return batches_.cells(); }

  CellSource& source() { return reader_.source(); }
  bool resident() const { return resident_ != nullptr; }

  // Both from the next start() on.
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

  // Of the order that is served.
  uint64_t seed_ = 0;
  HostOptions made_;
  at::Tensor device_order_;              // on the device, of resident cells
  OrderedBatches<SparseBatch> batches_;  // last: its thread uses the others
};

}  // namespace sailer
