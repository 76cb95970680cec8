// The carrier: cells of a source, in a given order, as minibatches on the
// device. It binarises, drops and renumbers peaks, and thins what the encoder
// sees; what a label means it does not know.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <random>
#include <vector>

#include "cell_source.h"
#include "confounders.h"
#include "sparse_batch.h"

namespace sailer {

// Shares of open peaks hidden from the encoder: uniform between the two.
struct Thinning {
  double min = 0, max = 0;
};

struct StreamOptions {
  int64_t batch_size = 100;
  // Cells read ahead at once from a source without random access.
  int64_t pool_cells = 8192;
  Thinning thinning;  // none while evaluating
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;
};

class BatchStream {
 public:
  // peak_map[feature] is the feature's place in the model's layout, or -1.
  // `confounders` has one row per cell of the source.
  BatchStream(CellSourcePtr source, std::vector<int32_t> peak_map,
              ConfounderMatrix confounders, const StreamOptions& options);

  // Serves `cells` from now on, in this order. `seed` decides the thinning.
  void start(std::vector<int64_t> cells, uint64_t seed);

  // The next minibatch; false at the end. A last one of fewer than `at_least`
  // cells is left out.
  bool next(SparseBatch& batch, int64_t at_least = 1);

  // The cells of the minibatch that `next` served last.
  const std::vector<int64_t>& cells() const { return current_; }

  CellSource& source() { return *source_; }
  void set_thinning(Thinning thinning) { options_.thinning = thinning; }
  int64_t batch_size() const { return options_.batch_size; }
  // Another order of magnitude for passes without gradients.
  void set_batch_size(int64_t size) { options_.batch_size = size; }

 private:
  void fill_pool();
  void append_row(const int32_t* features, const float* values, int64_t n);
  at::Tensor to_device(const at::Tensor& tensor) const;

  CellSourcePtr source_;
  std::vector<int32_t> peak_map_;
  ConfounderMatrix confounders_;
  StreamOptions options_;

  std::vector<int64_t> order_;
  int64_t position_ = 0;  // in order_
  std::mt19937_64 engine_;
  std::vector<int64_t> current_;

  SparseRows pool_;                // cells [pool_first_, pool_last_) of order_
  std::vector<int64_t> pool_row_;  // their rows in pool_
  int64_t pool_first_ = 0, pool_last_ = 0;

  std::vector<int64_t> offsets_, indices_, thin_offsets_, thin_indices_;
  std::vector<float> scale_;
};

}  // namespace sailer
