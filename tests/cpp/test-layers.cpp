#include "catch.h"
#include "core/models/layers.h"
#include "torch_helpers.h"

namespace layers_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("dropout hides a share, scales the rest and follows its generator") {
  const at::Tensor x = random_tensor({200, 50}, 1).set_requires_grad(true);
  const auto draw = [&](uint64_t seed) {
    return dropout(x, 0.3, make_generator(at::kCPU, seed));
  };
  const at::Tensor y = draw(4);
  REQUIRE(at::equal(y, draw(4)));
  REQUIRE_FALSE(at::equal(y, draw(5)));
  const at::Tensor kept = y.ne(0);
  REQUIRE(kept.to(at::kDouble).mean().item<double>() ==
          Approx(0.7).margin(0.03));
  REQUIRE(at::allclose(y, at::where(kept, x / 0.7, at::zeros_like(x))));
  y.sum().backward();
  REQUIRE(at::allclose(x.grad(), kept.to(at::kDouble) / 0.7));
}

TEST_CASE("two draws of dropout from one generator differ") {
  at::Generator generator = make_generator(at::kCPU, 1);
  const at::Tensor x = at::ones({100});
  REQUIRE_FALSE(
      at::equal(dropout(x, 0.5, generator), dropout(x, 0.5, generator)));
}

// Compares with LibTorch's own layers.
TEST_CASE("a hidden block is BatchNorm and PReLU, forward and backward") {
  ParameterSet set;
  LayerContext context{&set, make_generator(at::kCPU, 1), doubles()};
  context.activation = Activation::kPRelu;
  const HiddenBlock block(context, "h", 7, 0);
  at::Tensor x = random_tensor({9, 7}, 2).set_requires_grad(true);
  const at::Tensor upstream = random_tensor({9, 7}, 3);
  const at::Tensor found = block(x, true, make_generator(at::kCPU, 4));
  (found * upstream).sum().backward();
  at::Tensor x2 = x.detach().clone().set_requires_grad(true);
  at::Tensor slope = at::full({1}, 0.25, doubles()).set_requires_grad(true);
  const at::Tensor norm = at::batch_norm(x2, {}, {}, {}, {}, true, 0.1, 1e-5,
                                         /*cudnn_enabled=*/false);
  const at::Tensor expected = at::prelu(norm, slope);
  (expected * upstream).sum().backward();
  REQUIRE(at::allclose(found, expected, 1e-12, 1e-12));
  REQUIRE(at::allclose(x.grad(), x2.grad(), 1e-10, 1e-10));
  REQUIRE(set.parameters().back().name == "h.slope");
  REQUIRE(at::allclose(set.parameters().back().tensor.grad(), slope.grad(),
                       1e-10, 1e-10));
}

}  // namespace layers_test
