#include <ATen/Parallel.h>

#include "catch.h"
#include "core/models/sparse_linear.h"
#include "core/training/adam.h"
#include "dense_oracles.h"
#include "torch_helpers.h"

namespace sparse_linear_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("the sparse first layer equals a dense one, forward and backward") {
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

TEST_CASE("empty cells give zeros, and closed peaks no gradient") {
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

TEST_CASE("a layer that updates its weight has the bits of a later step") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const auto groups =
      GENERATE(std::vector<int64_t>{3000}, std::vector<int64_t>{400, 1, 2599});
  const int64_t width = GENERATE(5, 64);
  const PeakLayout layout(groups);
  // So sparse that whole blocks of rows have no entry.
  const SparseRowsTensor rows = random_rows(6, layout.n_peaks(), 0.005, 20);
  const at::Tensor upstream =
      random_tensor({6, layout.n_groups() * width}, 21).to(type);
  const at::Tensor start =
      random_tensor({layout.n_peaks(), width}, 22).to(type);
  at::Tensor apart = start.clone().set_requires_grad(true);
  at::Tensor at_once = start.clone().set_requires_grad(true);
  Adam one({{"w", apart}}, 0.01), two({{"w", at_once}}, 0.01);
  for (int step = 0; step < 3; ++step) {
    const at::Tensor expected = sparse_linear(rows, apart, layout);
    (expected * upstream).sum().backward();
    one.step(0.01);
    two.begin_step(0.01);
    const AdamUpdate update = two.update_of("w");
    const at::Tensor found = sparse_linear(rows, at_once, layout, &update);
    REQUIRE(at::equal(found, expected));
    (found * upstream).sum().backward();
    two.finish_step();
    REQUIRE_FALSE(at_once.grad().defined());
    REQUIRE(at::equal(at_once, apart));
  }
  REQUIRE_FALSE(at::equal(at_once, start));
}

TEST_CASE("a first layer reports a non-finite gradient") {
  const PeakLayout layout({50});
  at::Tensor weight = at::zeros({50, 3}).set_requires_grad(true);
  Adam adam({{"w", weight}}, 0);
  adam.begin_step(0.1);
  const AdamUpdate update = adam.update_of("w");
  const at::Tensor out =
      sparse_linear(rows_of({{4, 30}, {7}}), weight, layout, &update);
  (out / 0).sum().backward();
  adam.finish_step();
  REQUIRE_FALSE(adam.finite());
}

TEST_CASE("the first layer has the same bits for any number of threads") {
  const PeakLayout layout({700, 300});
  const SparseRowsTensor rows = random_rows(20, 1000, 0.1, 30);
  const at::Tensor start = random_tensor({1000, 33}, 31).to(at::kFloat);
  std::vector<at::Tensor> found;
  const int before = at::get_num_threads();
  for (int threads : {1, 2}) {
    at::set_num_threads(threads);
    at::Tensor weight = start.clone().set_requires_grad(true);
    const at::Tensor out = sparse_linear(rows, weight, layout);
    out.square().sum().backward();
    found.push_back(out.detach());
    found.push_back(weight.grad());
  }
  at::set_num_threads(before);
  REQUIRE(at::equal(found[0], found[2]));
  REQUIRE(at::equal(found[1], found[3]));
}

}  // namespace sparse_linear_test
