#include "batch_stream.h"

#include <ATen/ATen.h>

#include "../../support/cuda_driver.h"
#include "../../support/error.h"
#include "../../support/random.h"
#include "../../support/shuffle.h"

namespace sailer {

namespace {

// Resident cells may take 1 / kFreeParts of a device's free memory.
constexpr int64_t kFreeParts = 2;

void check_fit(const CellSource& source, size_t n_peaks,
               const ConfounderMatrix& confounders,
               const Reference& reference) {
  if (static_cast<int64_t>(n_peaks) != source.n_features()) {
    throw_error(ErrorKind::kArgument,
                "The peaks do not fit: ", source.describe(), " has ",
                source.n_features(), ", ", n_peaks, " were given.");
  }
  if (!confounders.has_rows(source.n_cells())) {
    throw_error(ErrorKind::kArgument,
                "The batch labels and covariates do not fit the ",
                source.n_cells(), " cells of ", source.describe(), ".");
  }
  if (reference.width == 0) return;
  const auto n_cells = static_cast<size_t>(source.n_cells());
  if (reference.values.size() !=
          n_cells * static_cast<size_t>(reference.width) ||
      reference.present.size() != n_cells ||
      reference.weight.size() != n_cells) {
    throw_error(ErrorKind::kArgument,
                "The reference does not have one row for each of the ", n_cells,
                " cells of ", source.describe(), ".");
  }
}

// Returns the source, after checking that everything fits it.
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
    throw_error(ErrorKind::kArgument,
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
    return;  // a reader's cells are read only once
  } else {
    const int64_t budget =
        options_.resident_bytes >= 0
            ? options_.resident_bytes
            : free_device_bytes(options_.device) / kFreeParts;
    if (DeviceCells::bytes_needed(source(), confounders_.values_per_cell(),
                                  reference_.width) > budget) {
      return;
    }
  }
  resident_ =
      DeviceCells::upload(reader_, confounders_, reference_, options_.device,
                          options_.type, options_.cancelled);
}

void BatchStream::stop() { batches_.stop(); }

void BatchStream::start(std::vector<int64_t> cells, uint64_t seed,
                        int64_t position) {
  stop();
  seed_ = seed;
  made_.thinning = options_.thinning;
  made_.type = options_.type;
  made_.for_device = !options_.device.is_cpu();
  made_.pinned = options_.device.is_cuda();
  size_t ahead = 0;
  OrderedBatches<SparseBatch>::Make make;
  if (resident()) {
    device_order_ =
        at::from_blob(cells.data(), {n_of(cells)}, at::kLong)
            .to(options_.device, /*non_blocking=*/false, /*copy=*/true);
    make = [this](const int64_t* some, int64_t n, int64_t at,
                  SparseBatch& out) {
      out = resident_->gather(some, device_order_.narrow(0, at, n));
    };
  } else {
    if (!reader_.prepare(cells, options_.cancelled)) return;
    if (reader_.reads_store()) ahead = options_.prefetch;
    make = [this](const int64_t* some, int64_t n, int64_t at,
                  SparseBatch& out) {
      out = make_batch(reader_, confounders_, reference_, some, n,
                       derive_seed(seed_, static_cast<uint64_t>(at)), made_);
    };
  }
  batches_.start(std::move(cells), position, options_.batch_size, ahead,
                 std::move(make));
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

bool BatchStream::next(SparseBatch& batch, int64_t at_least) {
  SparseBatch served;
  if (!batches_.next(served) || n_of(cells()) < at_least) {
    stop();
    return false;
  }
  if (on_device()) {
    if (!resident()) to_device(served);
    // Seeded for this minibatch alone, so that training can resume at any one.
    const auto at = static_cast<uint64_t>(batches_.position());
    finish_on_device(made_.thinning, derive_seed(seed_, at), generator_,
                     served);
  }
  if (confounders_.n_label_columns() > 0) {
    served.labels =
        served.confounders.narrow(1, 1, confounders_.n_label_columns());
  }
  batch = std::move(served);
  return true;
}

}  // namespace sailer
