#include "device_cells.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace sailer {

namespace {

constexpr int64_t kPieceEntries = 1 << 20;  // uploaded at once
constexpr int64_t kPieceCells = 256;        // read at once

// Copies values to the device, through pinned memory for a GPU.
template <typename T>
void send(const std::vector<T>& values, at::ScalarType type,
          const at::Tensor& to) {
  const auto n = n_of(values);
  at::Tensor staged = at::empty(
      {n},
      at::TensorOptions().dtype(type).pinned_memory(to.device().is_cuda()));
  std::copy(values.begin(), values.end(), static_cast<T*>(staged.data_ptr()));
  to.view({n}).copy_(staged, /*non_blocking=*/true);
}

// Returns the largest value of each row, or 0 if it is empty. Uses an embedding
// bag of one column, which every LibTorch version supports on every device.
at::Tensor row_maxima(const at::Tensor& values, const at::Tensor& offsets) {
  constexpr int64_t kMax = 2;
  const int64_t n_rows = offsets.size(0) - 1;
  if (values.size(0) == 0) return at::zeros({n_rows}, values.options());
  const at::Tensor entries = at::arange(values.size(0), offsets.options());
  return std::get<0>(at::embedding_bag(values.unsqueeze(1), entries,
                                       offsets.narrow(0, 0, n_rows),
                                       /*scale_grad_by_freq=*/false, kMax))
      .squeeze(1);
}

at::Tensor row_of_entry(const at::Tensor& lengths, int64_t n_entries) {
  return at::repeat_interleave(at::arange(lengths.size(0), lengths.options()),
                               lengths, /*dim=*/0, n_entries);
}

}  // namespace

int64_t DeviceCells::bytes_needed(const CellSource& source,
                                  int64_t n_confounders,
                                  int64_t reference_width) {
  const int64_t n_cells = source.n_cells();
  const int64_t n_values =
      n_confounders + (reference_width > 0 ? reference_width + 2 : 0);
  return source.n_entries(0, n_cells) * int64_t{sizeof(int32_t)} +
         (n_cells + 1) * int64_t{sizeof(int64_t)} +
         n_cells * n_values * int64_t{sizeof(float)};
}

std::unique_ptr<DeviceCells> DeviceCells::upload(
    PlaceReader& reader, const ConfounderMatrix& confounders,
    const Reference& reference, const at::Device& device, at::ScalarType type,
    const std::function<bool()>& cancelled) {
  const CellSource& source = reader.source();
  const int64_t n_cells = source.n_cells();
  const at::TensorOptions there = at::TensorOptions().device(device);
  std::unique_ptr<DeviceCells> out(new DeviceCells());
  // Peaks that the model drops leave unused space at the end.
  const int64_t room = source.n_entries(0, n_cells);
  at::Tensor places = at::empty({room}, there.dtype(at::kInt));
  std::vector<int64_t> all(n_cells);
  std::iota(all.begin(), all.end(), int64_t{0});
  SparseRows piece;
  out->host_offsets_.assign(1, 0);
  for (int64_t cell = 0; cell < n_cells;) {
    if (cancelled && cancelled()) return nullptr;
    piece.clear();
    while (cell < n_cells && piece.offsets.back() < kPieceEntries) {
      const int64_t n = std::min(kPieceCells, n_cells - cell);
      reader.read(all.data() + cell, n, piece);
      cell += n;
    }
    const int64_t first = out->host_offsets_.back();
    send(piece.indices, at::kInt,
         places.narrow(0, first, piece.offsets.back()));
    for (int64_t row = 0; row < piece.n_rows(); ++row) {
      out->host_offsets_.push_back(first + piece.offsets[row + 1]);
    }
  }
  const int64_t n_entries = out->host_offsets_.back();
  const at::Tensor used = places.narrow(0, 0, n_entries);
  out->places_ = n_entries < room / 4 * 3 ? used.clone() : used;
  out->offsets_ = at::empty({n_cells + 1}, there.dtype(at::kLong));
  send(out->host_offsets_, at::kLong, out->offsets_);
  const auto send_rows = [&](const auto& values, int64_t n_rows,
                             at::ScalarType as) {
    const int64_t width = n_rows == 0 ? 0 : n_of(values) / n_rows;
    const at::Tensor to = at::empty({n_rows, width}, there.dtype(as));
    send(values, as, to);
    return to;
  };
  const auto sent = [&](const std::vector<float>& values, int64_t width) {
    return send_rows(values, n_cells, at::kFloat)
        .view({n_cells, width})
        .to(type);
  };
  out->n_confounders_ = confounders.width;
  out->number_columns_ =
      send_rows(confounders.number_columns, 1, at::kInt).to(at::kLong);
  out->numbers_ = sent(confounders.numbers, n_of(confounders.number_columns));
  out->ones_ = send_rows(confounders.ones, n_cells, at::kInt);
  if (reference.width > 0) {
    out->reference_ = sent(reference.values, reference.width);
    out->has_reference_ = sent(reference.present, 1).squeeze(1);
    out->reference_weight_ = sent(reference.weight, 1).squeeze(1);
  }
  return out;
}

// Returns [B, K]. Labels without a column are written to an extra last column,
// which is dropped.
at::Tensor DeviceCells::confounders_of(const at::Tensor& cells) const {
  const int64_t n = cells.size(0);
  const at::Tensor numbers = numbers_.index_select(0, cells);
  at::Tensor out = at::zeros({n, n_confounders_ + 1}, numbers.options());
  out.scatter_(1, number_columns_.expand({n, -1}), numbers);
  out.scatter_(1, ones_.index_select(0, cells).to(at::kLong), 1);
  return out.narrow(1, 0, n_confounders_);
}

SparseBatch DeviceCells::gather(const int64_t* cells,
                                const at::Tensor& on_device) const {
  const int64_t n = on_device.size(0);
  SparseBatch batch;
  batch.host_offsets.assign(1, 0);
  for (int64_t k = 0; k < n; ++k) {
    batch.host_offsets.push_back(batch.host_offsets.back() +
                                 host_offsets_[cells[k] + 1] -
                                 host_offsets_[cells[k]]);
  }
  const int64_t n_entries = batch.host_offsets.back();
  const at::Tensor starts = offsets_.index_select(0, on_device);
  const at::Tensor lengths = offsets_.index_select(0, on_device + 1) - starts;
  batch.target.offsets =
      at::cat({at::zeros({1}, lengths.options()), lengths.cumsum(0)});
  // Entry e of the minibatch is entry e + shift among those of all cells.
  const at::Tensor shift = starts - batch.target.offsets.narrow(0, 0, n);
  const at::Tensor entry =
      at::arange(n_entries, shift.options()) +
      at::repeat_interleave(shift, lengths, /*dim=*/0, n_entries);
  batch.target.indices = places_.index_select(0, entry).to(at::kLong);
  batch.confounders = confounders_of(on_device);
  if (reference_.defined()) {
    batch.reference = reference_.index_select(0, on_device);
    batch.has_reference = has_reference_.index_select(0, on_device);
    batch.reference_weight = reference_weight_.index_select(0, on_device);
  }
  return batch;
}

void finish_on_device(const Thinning& thinning, uint64_t seed,
                      at::Generator& generator, SparseBatch& batch) {
  const at::Tensor& offsets = batch.target.offsets;
  const int64_t n = batch.n_cells();
  const int64_t n_entries = batch.target.indices.size(0);
  const at::TensorOptions values = batch.confounders.options();
  const at::Tensor lengths = offsets.narrow(0, 1, n) - offsets.narrow(0, 0, n);
  at::Tensor seen = lengths.to(values.dtype());
  batch.input = batch.target;
  batch.input_weights = at::Tensor();
  if (thinning.max > 0) {
    generator.set_current_seed(seed);
    const at::TensorOptions floats = values.dtype(at::kFloat);
    const at::Tensor rate =
        at::empty({n}, floats).uniform_(thinning.min, thinning.max, generator);
    const at::Tensor draw =
        at::empty({n_entries}, floats).uniform_(0, 1, generator);
    const at::Tensor row = row_of_entry(lengths, n_entries);
    const at::Tensor bar =
        at::minimum(rate, row_maxima(draw, offsets)).index_select(0, row);
    batch.input_weights = draw.ge(bar).to(values.dtype());
    // Sums of zeros and ones are exact in any order.
    seen = at::zeros({n}, values).index_add(0, row, batch.input_weights);
  }
  batch.cell_scale = seen.clamp_min(1).rsqrt().unsqueeze(1);
}

}  // namespace sailer
