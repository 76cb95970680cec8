// Several processes compute one minibatch: each has some of its rows, and
// whatever depends on all rows (batch normalisation, the aggregate posterior,
// the pairs of the alignment) is computed for the whole minibatch.
//
// Each process computes its share of a loss that is a mean over the whole
// minibatch; the shares, and the gradients of the parameters, add up to those
// of one process with all rows. Random numbers are drawn for the whole
// minibatch, from the same seed in every process, and each process uses those
// of its own rows.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "../data/stream/sparse_batch.h"
#include "../support/exchange.h"

namespace sailer {

// Rows [first, first + n) of the n_all rows of a minibatch. By default the
// process has all rows, regardless of their number.
struct BatchPart {
  Exchange* exchange = nullptr;
  int64_t first = 0, n = 0, n_all = 0;

  bool is_whole() const { return exchange == nullptr; }

  // Returns this process's rows of a tensor with all rows.
  at::Tensor own(const at::Tensor& all) const {
    return is_whole() ? all : all.narrow(0, first, n);
  }

  // Returns this process's share of the mean over all rows, given its values.
  at::Tensor mean(const at::Tensor& own) const {
    return is_whole() ? own.mean() : own.sum() / static_cast<double>(n_all);
  }

  // Returns `shape` with n_all rows instead of this process's rows.
  std::vector<int64_t> whole_shape(at::IntArrayRef shape) const {
    std::vector<int64_t> out = shape.vec();
    if (!is_whole()) out[0] = n_all;
    return out;
  }
};

// Returns the part of a minibatch. References, their flags and weights, and
// labels remain those of the whole minibatch, because each cell is compared
// with all cells.
SparseBatch part_of(const SparseBatch& whole, const BatchPart& part);

// Returns all rows of a matrix of which this process has `own`, with the same
// bits in all processes. Differentiable: the gradient of a row is summed over
// processes.
at::Tensor gather_rows(const at::Tensor& own, const BatchPart& part);

// Batch normalisation of [n, h] with the mean and variance of all rows, as
// at::batch_norm() computes it in training; the running statistics are updated
// to the same bits in all processes.
struct BatchNorm {
  at::Tensor weight, bias, running_mean, running_variance;  // [h]
  double momentum = 0.1, epsilon = 1e-5;
};
at::Tensor batch_norm_of_all(const at::Tensor& x, const BatchNorm& norm,
                             const BatchPart& part);

}  // namespace sailer
