#include "batch_maker.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../support/shuffle.h"

namespace sailer {

namespace {

// Random numbers at a nanosecond each, one per entry: splitmix64, a counter
// that derive_seed() mixes.
class Draws {
 public:
  explicit Draws(uint64_t seed) : seed_(seed) {}
  uint32_t next() {
    return static_cast<uint32_t>(derive_seed(seed_, count_++) >> 32);
  }

 private:
  uint64_t seed_;
  uint64_t count_ = 0;
};

constexpr double kTwoTo32 = 4294967296.0;

// Leaves out a share of a cell's places, drawn anew for each cell; never all.
void thin_row(const int32_t* places, int64_t n, const Thinning& thinning,
              Draws& draws, OpenRows& out) {
  const double rate =
      thinning.min + (thinning.max - thinning.min) * draws.next() / kTwoTo32;
  const auto bar = static_cast<uint64_t>(rate * kTwoTo32);
  const auto from = out.features.size();
  out.features.resize(from + static_cast<size_t>(n));
  int32_t* begin = out.features.data() + from;
  int32_t* end = begin;
  for (int64_t k = 0; k < n; ++k) {
    *end = places[k];
    end += draws.next() >= bar;
  }
  if (end == begin && n > 0) {
    *end++ = places[draws.next() * static_cast<uint64_t>(n) >> 32];
  }
  out.features.resize(from + static_cast<size_t>(end - begin));
  out.offsets.push_back(static_cast<int64_t>(out.features.size()));
}

// One loop for either floating type, in this thread.
template <typename T>
void copy_rows(const std::vector<float>& values, int64_t width,
               const std::vector<int64_t>& cells, T* out) {
  for (int64_t cell : cells) {
    const float* row = values.data() + cell * width;
    out = std::copy(row, row + width, out);
  }
}

}  // namespace

BatchMaker::BatchMaker(PlaceReader& reader, const ConfounderMatrix& confounders,
                       const Reference& reference,
                       const std::vector<int64_t>& cells, uint64_t seed,
                       int64_t position, const Options& options)
    : reader_(reader),
      confounders_(confounders),
      reference_(reference),
      cells_(cells),
      seed_(seed),
      position_(position),
      options_(options) {}

bool BatchMaker::make(HostBatch& out) {
  const int64_t n = std::min(options_.batch_size,
                             static_cast<int64_t>(cells_.size()) - position_);
  if (n <= 0) return false;
  rows_.clear();
  reader_.read(n, rows_);
  out.cells.assign(cells_.begin() + position_, cells_.begin() + position_ + n);
  SparseBatch& batch = out.batch;
  batch.host_offsets = rows_.offsets;
  batch.target.offsets = integers(rows_.offsets);
  batch.confounders =
      rows_of(out.cells, confounders_.values, confounders_.width);
  if (reference_.width > 0) {
    batch.reference = rows_of(out.cells, reference_.values, reference_.width);
    batch.has_reference = rows_of(out.cells, reference_.present, 1).squeeze(1);
    batch.reference_weight =
        rows_of(out.cells, reference_.weight, 1).squeeze(1);
  }
  if (options_.for_device) {
    batch.target.indices = indices<int32_t>(rows_.features, at::kInt);
  } else {
    batch.target.indices = indices<int64_t>(rows_.features, at::kLong);
    make_input(batch);
  }
  position_ += n;
  return true;
}

void BatchMaker::make_input(SparseBatch& batch) {
  batch.input = batch.target;
  if (options_.thinning.max <= 0) {
    batch.cell_scale = scale_of(rows_.offsets);
    return;
  }
  // Of this minibatch alone: training can be resumed at any of them.
  Draws draws(derive_seed(seed_, static_cast<uint64_t>(position_)));
  seen_.clear();
  for (int64_t row = 0; row < rows_.n_rows(); ++row) {
    thin_row(rows_.features.data() + rows_.offsets[row],
             rows_.offsets[row + 1] - rows_.offsets[row], options_.thinning,
             draws, seen_);
  }
  batch.input.offsets = integers(seen_.offsets);
  batch.input.indices = indices<int64_t>(seen_.features, at::kLong);
  batch.cell_scale = scale_of(seen_.offsets);
}

at::Tensor BatchMaker::empty(at::IntArrayRef shape, at::ScalarType type) const {
  return at::empty(
      shape, at::TensorOptions().dtype(type).pinned_memory(options_.pinned));
}

at::Tensor BatchMaker::integers(const std::vector<int64_t>& values) const {
  at::Tensor out = empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::memcpy(out.data_ptr(), values.data(), values.size() * sizeof(int64_t));
  return out;
}

template <typename T>
at::Tensor BatchMaker::indices(const std::vector<int32_t>& values,
                               at::ScalarType type) const {
  at::Tensor out = empty({static_cast<int64_t>(values.size())}, type);
  std::copy(values.begin(), values.end(), out.data_ptr<T>());
  return out;
}

// The rows of `cells` of a row-major matrix of all cells.
at::Tensor BatchMaker::rows_of(const std::vector<int64_t>& cells,
                               const std::vector<float>& values,
                               int64_t width) const {
  at::Tensor out =
      empty({static_cast<int64_t>(cells.size()), width}, options_.type);
  if (options_.type == at::kDouble) {
    copy_rows(values, width, cells, out.data_ptr<double>());
  } else {
    copy_rows(values, width, cells, out.data_ptr<float>());
  }
  return out;
}

// One over the square root of the number of entries of each row.
at::Tensor BatchMaker::scale_of(const std::vector<int64_t>& offsets) const {
  const auto n = static_cast<int64_t>(offsets.size()) - 1;
  at::Tensor out = empty({n, 1}, options_.type);
  for (int64_t i = 0; i < n; ++i) {
    const auto entries =
        static_cast<double>(std::max<int64_t>(1, offsets[i + 1] - offsets[i]));
    const auto scale = static_cast<float>(1 / std::sqrt(entries));
    if (options_.type == at::kDouble) {
      out.data_ptr<double>()[i] = scale;
    } else {
      out.data_ptr<float>()[i] = scale;
    }
  }
  return out;
}

}  // namespace sailer
