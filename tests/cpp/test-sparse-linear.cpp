#include <ATen/Parallel.h>

#include "catch.h"
#include "core/models/sparse_linear.h"
#include "core/models/sparse_linear_device.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

TEST_CASE("the sparse first layer equals a dense one, both ways") {
  const auto groups =
      GENERATE(std::vector<int64_t>{30}, std::vector<int64_t>{4, 1, 25});
  const PeakLayout layout(groups);
  const SparseRowsTensor rows = random_rows(6, layout.n_peaks(), 0.2, 1);
  at::Tensor weight = random_tensor({layout.n_peaks(), 5}, 2);
  weight.set_requires_grad(true);
  const at::Tensor upstream = random_tensor({6, layout.n_groups() * 5}, 3);

  const at::Tensor expected = sparse_linear_dense(
      to_dense(rows, layout.n_peaks(), weight.scalar_type()), weight, layout);
  (expected * upstream).sum().backward();
  const at::Tensor expected_gradient = weight.grad().clone();
  weight.mutable_grad().reset();
  const bool as_on_a_gpu = GENERATE(false, true);
  const at::Tensor found = as_on_a_gpu
                               ? sparse_linear_bags(rows, weight, layout)
                               : sparse_linear(rows, weight, layout);
  (found * upstream).sum().backward();

  REQUIRE(at::allclose(found, expected, 1e-12, 1e-12));
  REQUIRE(at::allclose(weight.grad(), expected_gradient, 1e-12, 1e-12));
}

TEST_CASE("the sparse layer in single precision, at odd widths") {
  const int64_t width = GENERATE(1, 7, 64, 100);
  const PeakLayout layout({50, 20});
  const SparseRowsTensor rows = random_rows(9, 70, 0.3, 4);
  const at::Tensor weight = random_tensor({70, width}, 5).to(at::kFloat);
  REQUIRE(at::allclose(sparse_linear(rows, weight, layout),
                       sparse_linear_dense(to_dense(rows, layout.n_peaks(),
                                                    weight.scalar_type()),
                                           weight, layout),
                       1e-5, 1e-5));
}

TEST_CASE("cells without open peaks give zeros, peaks in no cell no gradient") {
  const PeakLayout layout({4});
  const SparseRowsTensor rows = rows_of({{}, {0, 2}, {}});
  at::Tensor weight = random_tensor({4, 3}, 6);
  REQUIRE(at::equal(sparse_linear_bags(rows, weight, layout),
                    sparse_linear(rows, weight, layout)));
  weight.set_requires_grad(true);
  const at::Tensor out = sparse_linear(rows, weight, layout);
  REQUIRE(out[0].abs().sum().item<double>() == 0);
  REQUIRE(out[2].abs().sum().item<double>() == 0);
  out.sum().backward();
  REQUIRE(weight.grad()[1].abs().sum().item<double>() == 0);
  REQUIRE(weight.grad()[2].sum().item<double>() == 3);
}

TEST_CASE("entries by peak name the cells of each peak in order") {
  const EntriesByPeak entries =
      transpose_rows(rows_of({{0, 3}, {3}, {1, 3}}), 5);
  REQUIRE(entries.starts == std::vector<int64_t>{0, 1, 2, 2, 5, 5});
  REQUIRE(entries.cells == std::vector<int32_t>{0, 2, 0, 1, 2});
}
