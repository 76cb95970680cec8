#include <cmath>

#include "catch.h"
#include "core/models/sparse_linear.h"
#include "core/support/entry_kernels.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

namespace {

// The kernels over the peaks [first, last), against dense products.
template <typename T>
void check(at::ScalarType type, int64_t width, double tolerance) {
  const int64_t n_cells = 9, n_peaks = 31, first = 4, last = 29;
  const int64_t stride = width + 3, n = last - first;
  const SparseRowsTensor rows = random_rows(n_cells, n_peaks, 0.3, 400);
  const EntriesByPeak entries = transpose_rows(rows, n_peaks);
  const at::Tensor x = to_dense(rows, n_peaks, type).slice(1, first, last);
  const at::Tensor hidden = random_tensor({n_cells, stride}, 401).to(type);
  const at::Tensor weight = random_tensor({n, width}, 402).to(type);
  const at::Tensor bias = random_tensor({n}, 403).to(type);
  const at::Tensor h = hidden.slice(1, 0, width);
  const kernels::EntryRange range{entries.starts.data() + first,
                                  entries.cells.data() + entries.starts[first],
                                  n};
  std::vector<T> logits(entries.starts[last] - entries.starts[first]);
  REQUIRE(logits.size() > 20);
  kernels::entry_logits(logits.data(), range, hidden.data_ptr<T>(), stride,
                        weight.data_ptr<T>(), bias.data_ptr<T>(),
                        static_cast<T>(-0.7), width);
  const at::Tensor expected = -(h.mm(weight.t()) + bias - 0.7);
  at::Tensor slopes = at::zeros({n_cells, n}, hidden.options());
  size_t k = 0;
  for (int64_t p = first; p < last; ++p) {
    for (int64_t e = entries.starts[p]; e < entries.starts[p + 1]; ++e, ++k) {
      const int64_t i = entries.cells[e];
      REQUIRE(logits[k] == Approx(expected[i][p - first].item<double>())
                               .epsilon(tolerance)
                               .margin(tolerance));
      slopes[i][p - first] = logits[k];
    }
  }
  REQUIRE(k == logits.size());

  // With the logits themselves as slopes, on top of what was there.
  at::Tensor hidden_grad = random_tensor({n_cells, width}, 404).to(type);
  at::Tensor weight_grad = random_tensor({n, width}, 405).to(type);
  at::Tensor bias_grad = random_tensor({n}, 406).to(type);
  const at::Tensor expected_hidden = hidden_grad + slopes.mm(weight);
  const at::Tensor expected_weight = weight_grad + slopes.t().mm(h);
  const at::Tensor expected_bias = bias_grad + slopes.sum(0);
  kernels::entry_gradients(hidden_grad.data_ptr<T>(), weight_grad.data_ptr<T>(),
                           bias_grad.data_ptr<T>(), logits.data(), range,
                           hidden.data_ptr<T>(), stride, weight.data_ptr<T>(),
                           width);
  REQUIRE(
      at::allclose(hidden_grad, expected_hidden, tolerance, tolerance * width));
  REQUIRE(
      at::allclose(weight_grad, expected_weight, tolerance, tolerance * width));
  REQUIRE(at::allclose(bias_grad, expected_bias, tolerance, tolerance * width));
}

}  // namespace

TEST_CASE("entry kernels equal dense products at the open entries") {
  const int64_t width = GENERATE(1, 5, 16, 64, 100, 131);
  check<double>(at::kDouble, width, 1e-12);
  check<float>(at::kFloat, width, 2e-5);
}
