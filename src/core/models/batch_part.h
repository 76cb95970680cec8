// Several processes compute one minibatch: each has some of its rows, and what
// depends on all of them (batch normalisation, the aggregate posterior, the
// pairs of the alignment) is that of the whole.
//
// Each process computes its share of a loss that is a mean over the whole
// minibatch; the shares, and the gradients of the parameters, add up to those
// of one process with all rows. What is drawn is drawn for the whole, from the
// same seed in every process, and each takes its rows of it.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "../data/stream/sparse_batch.h"
#include "../support/exchange.h"

namespace sailer {

// Rows [first, first + n) of the n_all of a minibatch. The default is a process
// that has them all, however many.
struct BatchPart {
  Exchange* exchange = nullptr;
  int64_t first = 0, n = 0, n_all = 0;

  bool is_whole() const { return exchange == nullptr; }

  // The own rows of what has all of them.
  at::Tensor own(const at::Tensor& all) const {
    return is_whole() ? all : all.narrow(0, first, n);
  }

  // The share of a mean over all rows, of [n] values.
  at::Tensor mean(const at::Tensor& own) const {
    return is_whole() ? own.mean() : own.sum() / static_cast<double>(n_all);
  }

  // `shape` with all rows in place of the own.
  std::vector<int64_t> whole_shape(at::IntArrayRef shape) const {
    std::vector<int64_t> out = shape.vec();
    if (!is_whole()) out[0] = n_all;
    return out;
  }
};

// The part of a minibatch. References, what belongs to them, and labels stay
// those of the whole: they are compared between a cell and all cells.
SparseBatch part_of(const SparseBatch& whole, const BatchPart& part);

// All rows of a matrix, of which this process has `own`; the same bits in all
// processes. Differentiable: the gradient of a row is the sum of those in all
// processes.
at::Tensor gather_rows(const at::Tensor& own, const BatchPart& part);

// Batch normalisation of [n, h] by the mean and variance of all rows, as
// at::batch_norm() computes it in training; the running statistics are moved to
// the same bits in all processes.
struct BatchNorm {
  at::Tensor weight, bias, running_mean, running_variance;  // [h]
  double momentum = 0.1, epsilon = 1e-5;
};
at::Tensor batch_norm_of_all(const at::Tensor& x, const BatchNorm& norm,
                             const BatchPart& part);

}  // namespace sailer
