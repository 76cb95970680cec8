// Tensors of the last layer, for the tests of its different computations.
#pragma once

#include <vector>

#include "core/models/reconstruction.h"
#include "dense_oracles.h"
#include "torch_helpers.h"

namespace sailer_test {

struct ReconstructionCase {
  sailer::PeakLayout layout;
  sailer::SparseRowsTensor rows;
  at::Tensor hidden, weight, bias;

  std::vector<at::Tensor> parameters() const { return {hidden, weight, bias}; }

  ReconstructionCase to(at::ScalarType type) const {
    ReconstructionCase other = *this;
    for (at::Tensor* x : {&other.hidden, &other.weight, &other.bias}) {
      *x = x->detach().to(type).clone().set_requires_grad(true);
    }
    return other;
  }

  at::Tensor loss(const sailer::ReconstructionOptions& options,
                  const sailer::OutputUpdates* updates = nullptr) const {
    return sailer::reconstruction_loss(hidden, weight, bias, rows, layout,
                                       options, updates);
  }
  at::Tensor dense(const sailer::ReconstructionOptions& options) const {
    return reconstruction_loss_dense(
        hidden, weight, bias,
        to_dense(rows, layout.n_peaks(), weight.scalar_type()), layout,
        options);
  }
};

inline ReconstructionCase reconstruction_case(
    const std::vector<int64_t>& groups, int64_t n_cells, int64_t width,
    double density, uint64_t seed) {
  ReconstructionCase c{sailer::PeakLayout(groups), {}, {}, {}, {}};
  const int64_t n_peaks = c.layout.n_peaks();
  c.rows = random_rows(n_cells, n_peaks, density, seed);
  c.hidden = random_tensor({n_cells, c.layout.n_groups() * width}, seed + 1);
  c.weight = random_tensor({n_peaks, width}, seed + 2);
  c.bias = random_tensor({n_peaks}, seed + 3);
  for (at::Tensor x : c.parameters()) x.set_requires_grad(true);
  return c;
}

// The loss and its three gradients, in double precision. Clears the gradients.
inline std::vector<at::Tensor> loss_and_grads(const ReconstructionCase& c,
                                              const at::Tensor& loss) {
  loss.backward();
  std::vector<at::Tensor> out{loss.detach().to(at::kDouble)};
  for (at::Tensor x : c.parameters()) {
    out.push_back(x.grad().to(at::kDouble).clone());
    x.mutable_grad().reset();
  }
  return out;
}

// Norm of the difference, relative to the norm of `expected`.
inline double relative_error(const at::Tensor& found,
                             const at::Tensor& expected) {
  return (found - expected).norm().item<double>() /
         (1e-300 + expected.norm().item<double>());
}

}  // namespace sailer_test
