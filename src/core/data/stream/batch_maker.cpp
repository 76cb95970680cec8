#include "batch_maker.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "../../support/shuffle.h"

namespace sailer {

namespace {

// Random numbers, one per entry, at a nanosecond each: splitmix64, a counter
// mixed by derive_seed().
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

// Leaves out a share of a cell's places, drawn for each cell, but never all.
void thin_row(const int32_t* places, int64_t n, const Thinning& thinning,
              Draws& draws, SparseRows& out) {
  const double rate =
      thinning.min + (thinning.max - thinning.min) * draws.next() / kTwoTo32;
  const auto bar = static_cast<uint64_t>(rate * kTwoTo32);
  const auto from = out.indices.size();
  out.indices.resize(from + static_cast<size_t>(n));
  int32_t* begin = out.indices.data() + from;
  int32_t* end = begin;
  for (int64_t k = 0; k < n; ++k) {
    *end = places[k];
    end += draws.next() >= bar;
  }
  if (end == begin && n > 0) {
    *end++ = places[draws.next() * static_cast<uint64_t>(n) >> 32];
  }
  out.indices.resize(from + static_cast<size_t>(end - begin));
  out.offsets.push_back(n_of(out.indices));
}

at::Tensor empty(at::IntArrayRef shape, at::ScalarType type, bool pinned) {
  return at::empty(shape,
                   at::TensorOptions().dtype(type).pinned_memory(pinned));
}

at::Tensor integers(const std::vector<int64_t>& values, bool pinned) {
  at::Tensor out = empty({n_of(values)}, at::kLong, pinned);
  std::copy(values.begin(), values.end(), out.data_ptr<int64_t>());
  return out;
}

template <typename T>
at::Tensor indices(const std::vector<int32_t>& values, at::ScalarType type,
                   bool pinned) {
  at::Tensor out = empty({n_of(values)}, type, pinned);
  std::copy(values.begin(), values.end(), out.data_ptr<T>());
  return out;
}

// Returns the rows of `cells` from a row-major matrix of all cells.
at::Tensor rows_of(const int64_t* cells, int64_t n,
                   const std::vector<float>& values, int64_t width,
                   const HostOptions& options) {
  const at::Tensor rows = empty({n, width}, at::kFloat, options.pinned);
  float* out = rows.data_ptr<float>();
  for (int64_t k = 0; k < n; ++k) {
    const float* row = values.data() + cells[k] * width;
    out = std::copy(row, row + width, out);
  }
  return rows.to(options.type);  // only tests use another one
}

at::Tensor confounders_of(const int64_t* cells, int64_t n,
                          const ConfounderMatrix& confounders,
                          const HostOptions& options) {
  const int64_t width = confounders.width;
  const at::Tensor rows = empty({n, width}, at::kFloat, options.pinned);
  float* out = rows.data_ptr<float>();
  for (int64_t k = 0; k < n; ++k) {
    confounders.write_row(cells[k], out + k * width);
  }
  return rows.to(options.type);
}

// Returns 1 / sqrt(number of entries) of each row.
at::Tensor scale_of(const std::vector<int64_t>& offsets,
                    const HostOptions& options) {
  const int64_t n = n_of(offsets) - 1;
  const at::Tensor out = empty({n, 1}, at::kFloat, options.pinned);
  for (int64_t i = 0; i < n; ++i) {
    const auto entries =
        static_cast<double>(std::max<int64_t>(1, offsets[i + 1] - offsets[i]));
    out.data_ptr<float>()[i] = static_cast<float>(1 / std::sqrt(entries));
  }
  return out.to(options.type);
}

// Makes what the encoder sees of `rows`, which are the target.
void make_input(const SparseRows& rows, uint64_t seed,
                const HostOptions& options, SparseBatch& batch) {
  batch.input = batch.target;
  if (options.thinning.max <= 0) {
    batch.cell_scale = scale_of(rows.offsets, options);
    return;
  }
  Draws draws(seed);
  SparseRows seen;
  seen.indices.reserve(rows.indices.size());
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    thin_row(rows.indices.data() + rows.offsets[row],
             rows.offsets[row + 1] - rows.offsets[row], options.thinning, draws,
             seen);
  }
  batch.input.offsets = integers(seen.offsets, options.pinned);
  batch.input.indices =
      indices<int64_t>(seen.indices, at::kLong, options.pinned);
  batch.cell_scale = scale_of(seen.offsets, options);
}

}  // namespace

SparseBatch make_batch(PlaceReader& reader, const ConfounderMatrix& confounders,
                       const Reference& reference, const int64_t* cells,
                       int64_t n, uint64_t seed, const HostOptions& options) {
  SparseRows rows;
  reader.read(cells, n, rows);
  SparseBatch batch;
  const auto taken = [&](const std::vector<float>& values, int64_t width) {
    return rows_of(cells, n, values, width, options);
  };
  batch.target.offsets = integers(rows.offsets, options.pinned);
  batch.confounders = confounders_of(cells, n, confounders, options);
  if (reference.width > 0) {
    batch.reference = taken(reference.values, reference.width);
    batch.has_reference = taken(reference.present, 1).squeeze(1);
    batch.reference_weight = taken(reference.weight, 1).squeeze(1);
  }
  if (options.for_device) {
    batch.target.indices =
        indices<int32_t>(rows.indices, at::kInt, options.pinned);
  } else {
    batch.target.indices =
        indices<int64_t>(rows.indices, at::kLong, options.pinned);
    make_input(rows, seed, options, batch);
  }
  batch.host_offsets = std::move(rows.offsets);
  return batch;
}

}  // namespace sailer
