#include "core/training/adam.h"

#include <ATen/ATen.h>

#include <limits>

#include "catch.h"
#include "torch_helpers.h"

namespace clip_test {

using namespace sailer;
using namespace sailer_test;

namespace {

at::Tensor with_gradient(const std::vector<double>& gradient) {
  at::Tensor out = at::zeros({static_cast<int64_t>(gradient.size())},
                             at::TensorOptions().dtype(at::kDouble));
  out.set_requires_grad(true);
  out.mutable_grad() =
      at::tensor(gradient, at::TensorOptions().dtype(at::kDouble));
  return out;
}

}  // namespace

TEST_CASE("gradients are scaled to their total norm") {
  // The total norm of (3, 0, 4) and (12) is 13.
  const std::vector<NamedTensor> parameters = {
      {"a", with_gradient({3, 0, 4})},
      {"none", at::zeros({2}).set_requires_grad(true)},
      {"b", with_gradient({12})}};
  clip_gradients(parameters, 6.5);
  const double factor = 6.5 / (13 + 1e-6);
  REQUIRE(at::allclose(parameters[0].tensor.grad(),
                       at::tensor({3.0, 0.0, 4.0}, at::kDouble) * factor,
                       1e-12));
  REQUIRE(parameters[2].tensor.grad().item<double>() == Approx(12 * factor));
  REQUIRE_FALSE(parameters[1].tensor.grad().defined());
}

TEST_CASE("gradients below the norm stay as they are") {
  const std::vector<NamedTensor> parameters = {{"a", with_gradient({3, 4})}};
  clip_gradients(parameters, 5.1);
  REQUIRE(at::equal(parameters[0].tensor.grad(),
                    at::tensor({3.0, 4.0}, at::kDouble)));
}

TEST_CASE("clipping does not hide a gradient that is not finite") {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<NamedTensor> parameters = {{"a", with_gradient({inf, 1})}};
  clip_gradients(parameters, 1);
  REQUIRE_FALSE(at::isfinite(parameters[0].tensor.grad()).all().item<bool>());
}

}  // namespace clip_test
