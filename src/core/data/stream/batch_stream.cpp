#include "batch_stream.h"

#include <ATen/ATen.h>

#include <string>

#include "../../support/error.h"
#include "../../support/random.h"
#include "device_memory.h"

namespace sailer {

namespace {

// The share of a device's free memory that cells may take.
constexpr int64_t kFreeParts = 2;

void check_fit(const CellSource& source, size_t n_peaks,
               const ConfounderMatrix& confounders,
               const Reference& reference) {
  if (static_cast<int64_t>(n_peaks) != source.n_features()) {
    throw Error(ErrorKind::kArgument,
                "The peaks do not fit: " + source.describe() + " has " +
                    std::to_string(source.n_features()) + ", " +
                    std::to_string(n_peaks) + " were named.");
  }
  if (static_cast<int64_t>(confounders.values.size()) !=
      source.n_cells() * confounders.width) {
    throw Error(ErrorKind::kArgument,
                "The batch labels and covariates do not fit the " +
                    std::to_string(source.n_cells()) + " cells of " +
                    source.describe() + ".");
  }
  if (reference.width == 0) return;
  const auto n_cells = static_cast<size_t>(source.n_cells());
  if (reference.values.size() !=
          n_cells * static_cast<size_t>(reference.width) ||
      reference.present.size() != n_cells ||
      reference.weight.size() != n_cells) {
    throw Error(ErrorKind::kArgument,
                "The reference does not have one row for each of the " +
                    std::to_string(n_cells) + " cells of " + source.describe() +
                    ".");
  }
}

// The source, once everything is seen to fit it.
CellSourcePtr checked(CellSourcePtr source, size_t n_peaks,
                      const ConfounderMatrix& confounders,
                      const Reference& reference) {
  check_fit(*source, n_peaks, confounders, reference);
  return source;
}

}  // namespace

BatchStream::BatchStream(CellSourcePtr source,
                         const std::vector<int32_t>& peak_map,
                         ConfounderMatrix confounders,
                         const StreamOptions& options, Reference reference)
    : confounders_(std::move(confounders)),
      reference_(std::move(reference)),
      options_(options),
      reader_(
          checked(std::move(source), peak_map.size(), confounders_, reference_),
          peak_map) {
  if (options_.type != at::kFloat && options_.type != at::kDouble) {
    throw Error(ErrorKind::kArgument,
                "Minibatches can be made of float or double values only.");
  }
  keep_resident();
  if (on_device()) generator_ = make_generator(options_.device, 0);
}

BatchStream::~BatchStream() = default;

bool BatchStream::on_device() const {
  return resident() || !options_.device.is_cpu();
}

void BatchStream::keep_resident() {
  if (options_.device.is_cpu() && !options_.force_resident) return;
  if (options_.force_resident) {
    reader_.pack(options_.cancelled);
  } else if (!reader_.reads_store()) {
    return;  // they are read once
  } else {
    const int64_t budget =
        options_.resident_bytes >= 0
            ? options_.resident_bytes
            : free_device_bytes(options_.device) / kFreeParts;
    if (DeviceCells::bytes_needed(source(), confounders_.width,
                                  reference_.width) > budget) {
      return;
    }
  }
  resident_ =
      DeviceCells::upload(reader_, confounders_, reference_, options_.device,
                          options_.type, options_.cancelled);
}

void BatchStream::stop() {
  ahead_.reset();
  maker_.reset();
  position_ = static_cast<int64_t>(order_.size());
}

void BatchStream::start(std::vector<int64_t> cells, uint64_t seed,
                        int64_t position) {
  stop();
  order_ = std::move(cells);
  seed_ = seed;
  position_ = position;
  made_.batch_size = options_.batch_size;
  made_.thinning = options_.thinning;
  made_.type = options_.type;
  made_.for_device = !options_.device.is_cpu();
  made_.pinned = options_.device.is_cuda();
  if (resident()) {
    device_order_ =
        at::from_blob(order_.data(), {static_cast<int64_t>(order_.size())},
                      at::TensorOptions().dtype(at::kLong))
            .to(options_.device, /*non_blocking=*/false, /*copy=*/true);
    return;
  }
  if (!reader_.start(order_, position_, options_.cancelled)) return;
  maker_ = std::make_unique<BatchMaker>(reader_, confounders_, reference_,
                                        order_, seed_, position_, made_);
  ahead_ = std::make_unique<Prefetch<HostBatch>>(
      [maker = maker_.get()](HostBatch& batch, const std::atomic<bool>&) {
        return maker->make(batch);
      },
      reader_.reads_store() ? options_.prefetch : 0);
}

uint64_t BatchStream::thinning_seed() const {
  return derive_seed(seed_, static_cast<uint64_t>(position_));
}

bool BatchStream::next_resident(SparseBatch& batch) {
  const int64_t n = std::min(made_.batch_size,
                             static_cast<int64_t>(order_.size()) - position_);
  if (n <= 0) return false;
  current_.assign(order_.begin() + position_, order_.begin() + position_ + n);
  batch =
      resident_->gather(current_.data(), device_order_.narrow(0, position_, n));
  finish_on_device(made_.thinning, thinning_seed(), generator_, batch);
  return true;
}

void BatchStream::to_device(SparseBatch& batch) const {
  const auto move = [&](const at::Tensor& tensor) {
    return tensor.to(options_.device, /*non_blocking=*/true);
  };
  batch.target.offsets = move(batch.target.offsets);
  batch.target.indices = move(batch.target.indices).to(at::kLong);
  batch.confounders = move(batch.confounders);
  if (batch.reference.defined()) {
    batch.reference = move(batch.reference);
    batch.has_reference = move(batch.has_reference);
    batch.reference_weight = move(batch.reference_weight);
  }
}

bool BatchStream::next_streamed(SparseBatch& batch) {
  HostBatch made;
  if (ahead_ == nullptr || !ahead_->next(made)) return false;
  current_ = std::move(made.cells);
  batch = std::move(made.batch);
  if (!options_.device.is_cpu()) {
    to_device(batch);
    finish_on_device(made_.thinning, thinning_seed(), generator_, batch);
  }
  return true;
}

bool BatchStream::next(SparseBatch& batch, int64_t at_least) {
  SparseBatch served;
  current_.clear();
  const bool any = resident() ? next_resident(served) : next_streamed(served);
  if (!any || static_cast<int64_t>(current_.size()) < at_least) {
    stop();
    current_.clear();
    return false;
  }
  position_ += static_cast<int64_t>(current_.size());
  batch = std::move(served);
  return true;
}

}  // namespace sailer
