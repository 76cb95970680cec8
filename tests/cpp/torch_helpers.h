// Small helpers shared by the tests that need LibTorch.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <vector>

#include "core/data/stream/sparse_batch.h"
#include "core/support/random.h"

namespace sailer_test {

inline at::TensorOptions doubles() {
  return at::TensorOptions().dtype(at::kDouble);
}

// One-hot rows of labels that cycle through all levels.
inline at::Tensor labels_in_turn(int64_t n, int64_t n_labels) {
  return at::one_hot(at::arange(n) % n_labels, n_labels).to(at::kDouble);
}

// Rows from lists of open peaks.
inline sailer::SparseRowsTensor rows_of(
    const std::vector<std::vector<int64_t>>& cells) {
  std::vector<int64_t> offsets{0}, indices;
  for (const auto& cell : cells) {
    indices.insert(indices.end(), cell.begin(), cell.end());
    offsets.push_back(static_cast<int64_t>(indices.size()));
  }
  return {at::tensor(offsets, at::kLong), at::tensor(indices, at::kLong)};
}

// Random rows: each of `n_peaks` is open with probability `density`.
inline sailer::SparseRowsTensor random_rows(int64_t n_cells, int64_t n_peaks,
                                            double density, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<std::vector<int64_t>> cells(n_cells);
  for (auto& cell : cells) {
    for (int64_t p = 0; p < n_peaks; ++p) {
      if (sailer::uniform_unit(engine) < density) cell.push_back(p);
    }
  }
  return rows_of(cells);
}

inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  at::Tensor value = at::empty(shape, doubles());
  value.normal_(0, 1, sailer::make_generator(at::kCPU, seed));
  return value;
}

inline sailer::SparseBatch batch_of(const sailer::SparseRowsTensor& rows,
                                    int64_t n_confounders, uint64_t seed) {
  sailer::SparseBatch batch;
  batch.input = batch.target = rows;
  batch.confounders = random_tensor({rows.n_cells(), n_confounders}, seed);
  const at::Tensor depth =
      (rows.offsets.slice(0, 1) - rows.offsets.slice(0, 0, rows.n_cells()))
          .to(at::kDouble)
          .clamp_min(1);
  batch.cell_scale = depth.rsqrt().unsqueeze(1);
  return batch;
}

// Largest difference between the gradient of `loss` at entries of `parameter`
// and central differences, relative to 1 + |gradient|. Tries about `n` evenly
// spaced entries.
inline double gradient_error(at::Tensor parameter,
                             const std::function<at::Tensor()>& loss,
                             int64_t n = 12, double step = 1e-5) {
  parameter.mutable_grad().reset();
  loss().backward();
  const at::Tensor gradient = parameter.grad().clone().flatten();
  parameter.mutable_grad().reset();
  at::NoGradGuard no_grad;
  at::Tensor flat = parameter.detach().view({-1});
  double worst = 0;
  const int64_t stride = std::max<int64_t>(1, flat.numel() / n);
  for (int64_t k = 0; k < flat.numel(); k += stride) {
    const double value = flat[k].item<double>();
    flat[k] = value + step;
    const double above = loss().item<double>();
    flat[k] = value - step;
    const double below = loss().item<double>();
    flat[k] = value;
    const double expected = (above - below) / (2 * step);
    const double found = gradient[k].item<double>();
    worst =
        std::max(worst, std::abs(found - expected) / (1 + std::abs(expected)));
  }
  return worst;
}

}  // namespace sailer_test
