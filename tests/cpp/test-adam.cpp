#include <cmath>

#include "catch.h"
#include "core/training/adam.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

// Against the published update written out for one number at a time.
TEST_CASE("Adam with coupled decay follows the published update") {
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const double decay = 0.01, rate = 0.05;
  at::Tensor parameter = random_tensor({37}, 1).to(type);
  parameter.set_requires_grad(true);
  std::vector<double> value, m(37, 0), v(37, 0);
  for (int64_t k = 0; k < 37; ++k) {
    value.push_back(parameter[k].item<double>());
  }
  Adam adam({{"p", parameter}}, decay);
  for (int t = 1; t <= 20; ++t) {
    const at::Tensor gradient =
        random_tensor({37}, 100 + static_cast<uint64_t>(t)).to(type);
    parameter.mutable_grad() = gradient.clone();
    adam.step(rate);
    REQUIRE_FALSE(parameter.grad().defined());
    for (int64_t k = 0; k < 37; ++k) {
      const double g = gradient[k].item<double>() + decay * value[k];
      m[k] = 0.9 * m[k] + 0.1 * g;
      v[k] = 0.999 * v[k] + 0.001 * g * g;
      value[k] -= rate * (m[k] / (1 - std::pow(0.9, t))) /
                  (std::sqrt(v[k] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
  const double tolerance = type == at::kDouble ? 1e-10 : 1e-4;
  for (int64_t k = 0; k < 37; ++k) {
    REQUIRE(parameter[k].item<double>() ==
            Approx(value[k]).epsilon(tolerance).margin(tolerance));
  }
}

TEST_CASE("a parameter without a gradient stays as it is") {
  at::Tensor parameter = at::ones({3}, doubles());
  parameter.set_requires_grad(true);
  Adam adam({{"p", parameter}}, 0.1);
  adam.step(0.1);
  REQUIRE(parameter.detach().eq(1).all().item<bool>());
}
