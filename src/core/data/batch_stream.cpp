#include "batch_stream.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../support/error.h"
#include "../support/random.h"
#include "gather.h"

namespace sailer {
namespace {

template <typename T>
at::Tensor tensor_of(std::vector<T>& values, at::IntArrayRef shape,
                     at::ScalarType type) {
  return at::from_blob(values.data(), shape, at::TensorOptions().dtype(type))
      .clone();
}

}  // namespace

BatchStream::BatchStream(CellSourcePtr source, std::vector<int32_t> peak_map,
                         ConfounderMatrix confounders,
                         const StreamOptions& options)
    : source_(std::move(source)),
      peak_map_(std::move(peak_map)),
      confounders_(std::move(confounders)),
      options_(options) {
  if (static_cast<int64_t>(peak_map_.size()) != source_->n_features()) {
    throw Error(ErrorKind::kArgument,
                "The peaks do not fit: " + source_->describe() + " has " +
                    std::to_string(source_->n_features()) + ", " +
                    std::to_string(peak_map_.size()) + " were named.");
  }
  if (static_cast<int64_t>(confounders_.values.size()) !=
      source_->n_cells() * confounders_.width) {
    throw Error(ErrorKind::kArgument,
                "The batch labels and covariates do not fit the " +
                    std::to_string(source_->n_cells()) + " cells of " +
                    source_->describe() + ".");
  }
}

void BatchStream::start(std::vector<int64_t> cells, uint64_t seed) {
  order_ = std::move(cells);
  engine_.seed(seed);
  position_ = pool_first_ = pool_last_ = 0;
}

// Reads the next cells of the order, sorted, so that a file is read forwards.
void BatchStream::fill_pool() {
  const int64_t ahead =
      source_->random_access()
          ? options_.batch_size
          : std::max(options_.batch_size, options_.pool_cells);
  pool_first_ = position_;
  pool_last_ =
      std::min<int64_t>(position_ + ahead, static_cast<int64_t>(order_.size()));
  const int64_t n = pool_last_ - pool_first_;
  std::vector<int64_t> by_cell(n);
  std::iota(by_cell.begin(), by_cell.end(), pool_first_);
  std::sort(by_cell.begin(), by_cell.end(),
            [&](int64_t a, int64_t b) { return order_[a] < order_[b]; });
  std::vector<int64_t> cells(n);
  pool_row_.resize(n);
  for (int64_t k = 0; k < n; ++k) {
    cells[k] = order_[by_cell[k]];
    pool_row_[by_cell[k] - pool_first_] = k;
  }
  pool_.clear();
  gather(*source_, cells, pool_);
}

void BatchStream::append_row(const int32_t* features, const float* values,
                             int64_t n) {
  const auto begin = static_cast<int64_t>(indices_.size());
  for (int64_t k = 0; k < n; ++k) {
    const int32_t peak = peak_map_[features[k]];
    if (peak >= 0 && values[k] > 0) indices_.push_back(peak);
  }
  if (!std::is_sorted(indices_.begin() + begin, indices_.end())) {
    std::sort(indices_.begin() + begin, indices_.end());
  }
  const auto end = static_cast<int64_t>(indices_.size());
  offsets_.push_back(end);
  int64_t seen = end - begin;
  const Thinning& thinning = options_.thinning;
  if (thinning.max > 0) {
    const double rate =
        thinning.min + (thinning.max - thinning.min) * uniform_unit(engine_);
    const auto thin_begin = static_cast<int64_t>(thin_indices_.size());
    for (int64_t k = begin; k < end; ++k) {
      if (uniform_unit(engine_) >= rate) thin_indices_.push_back(indices_[k]);
    }
    // A cell is never hidden whole.
    if (static_cast<int64_t>(thin_indices_.size()) == thin_begin &&
        end > begin) {
      thin_indices_.push_back(
          indices_[begin + static_cast<int64_t>(uniform_below(
                               engine_, static_cast<uint64_t>(end - begin)))]);
    }
    seen = static_cast<int64_t>(thin_indices_.size()) - thin_begin;
    thin_offsets_.push_back(static_cast<int64_t>(thin_indices_.size()));
  }
  scale_.push_back(static_cast<float>(
      1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, seen)))));
}

at::Tensor BatchStream::to_device(const at::Tensor& tensor) const {
  return options_.device.is_cpu()
             ? tensor
             : tensor.to(options_.device, /*non_blocking=*/true);
}

bool BatchStream::next(SparseBatch& batch, int64_t at_least) {
  const auto total = static_cast<int64_t>(order_.size());
  const int64_t n = std::min(options_.batch_size, total - position_);
  if (n < std::max<int64_t>(1, at_least)) {
    current_.clear();
    return false;
  }
  offsets_.assign(1, 0);
  thin_offsets_.assign(1, 0);
  indices_.clear();
  thin_indices_.clear();
  scale_.clear();
  current_.assign(order_.begin() + position_, order_.begin() + position_ + n);
  std::vector<float> confounders;
  for (int64_t cell : current_) {
    if (position_ >= pool_last_) fill_pool();
    const int64_t row = pool_row_[position_ - pool_first_];
    const int64_t begin = pool_.offsets[row], end = pool_.offsets[row + 1];
    append_row(pool_.indices.data() + begin, pool_.values.data() + begin,
               end - begin);
    const float* c = confounders_.values.data() + cell * confounders_.width;
    confounders.insert(confounders.end(), c, c + confounders_.width);
    ++position_;
  }
  const auto n_entries = static_cast<int64_t>(indices_.size());
  batch.target.offsets = to_device(tensor_of(offsets_, {n + 1}, at::kLong));
  batch.target.indices = to_device(tensor_of(indices_, {n_entries}, at::kLong));
  batch.input = batch.target;
  if (options_.thinning.max > 0) {
    const auto n_seen = static_cast<int64_t>(thin_indices_.size());
    batch.input.offsets =
        to_device(tensor_of(thin_offsets_, {n + 1}, at::kLong));
    batch.input.indices =
        to_device(tensor_of(thin_indices_, {n_seen}, at::kLong));
  }
  batch.confounders =
      to_device(tensor_of(confounders, {n, confounders_.width}, at::kFloat)
                    .to(options_.type));
  batch.cell_scale =
      to_device(tensor_of(scale_, {n, 1}, at::kFloat).to(options_.type));
  return true;
}

}  // namespace sailer
