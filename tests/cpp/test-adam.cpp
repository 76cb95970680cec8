#include <cmath>
#include <limits>

#include "catch.h"
#include "core/support/error.h"
#include "core/training/adam.h"
#include "operations.h"
#include "torch_helpers.h"

namespace adam_test {

using namespace sailer;
using namespace sailer_test;

namespace {

at::Tensor parameter_of(int64_t n, uint64_t seed, at::ScalarType type) {
  at::Tensor value = random_tensor({n}, seed).to(type);
  return value.set_requires_grad(true);
}

void set_gradients(const std::vector<NamedTensor>& parameters, uint64_t seed) {
  for (const NamedTensor& entry : parameters) {
    entry.tensor.mutable_grad() =
        random_tensor(entry.tensor.sizes(), ++seed).to(entry.tensor.dtype());
  }
}

// Calls the kernel directly, in pieces of odd sizes.
void move_in_pieces(const AdamUpdate& update, at::Tensor parameter,
                    const at::Tensor& gradient) {
  float* p = parameter.data_ptr<float>();
  const float* g = gradient.data_ptr<float>();
  const int64_t n = parameter.numel();
  for (int64_t k = 0, size = 1; k < n; k += size, size = size * 2 + 1) {
    update.move(p, g + k, k, std::min(size, n - k));
  }
}

}  // namespace

// Compares with the published update, written out for one number at a time.
TEST_CASE("Adam with coupled decay follows the published update") {
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const auto engine = GENERATE(Engine::kFused, Engine::kTensor);
  const double decay = 0.01, rate = 0.05;
  at::Tensor parameter = parameter_of(37, 1, type);
  std::vector<double> value, m(37, 0), v(37, 0);
  for (int64_t k = 0; k < 37; ++k) {
    value.push_back(parameter[k].item<double>());
  }
  Adam adam({{"p", parameter}}, decay, engine);
  for (int t = 1; t <= 20; ++t) {
    const at::Tensor gradient =
        random_tensor({37}, 100 + static_cast<uint64_t>(t)).to(type);
    parameter.mutable_grad() = gradient.clone();
    adam.step(rate);
    REQUIRE_FALSE(parameter.grad().defined());
    REQUIRE(adam.finite());
    REQUIRE(adam.n_steps() == t);
    for (int64_t k = 0; k < 37; ++k) {
      const double g = gradient[k].item<double>() + decay * value[k];
      m[k] = 0.9 * m[k] + 0.1 * g;
      v[k] = 0.999 * v[k] + 0.001 * g * g;
      value[k] -= rate * (m[k] / (1 - std::pow(0.9, t))) /
                  (std::sqrt(v[k] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
  // LibTorch's fused step counts in float, so its corrections are rounded.
  const double in_double = engine == Engine::kFused ? 1e-10 : 1e-6;
  const double tolerance = type == at::kDouble ? in_double : 1e-4;
  for (int64_t k = 0; k < 37; ++k) {
    REQUIRE(parameter[k].item<double>() ==
            Approx(value[k]).epsilon(tolerance).margin(tolerance));
  }
}

TEST_CASE("the tensor form updates tensors of any shape as the kernel does") {
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const auto start = [&] {
    std::vector<NamedTensor> out;
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{37, 5}, {11}, {}, {64, 3}}) {
      const std::string name = std::to_string(out.size());
      out.push_back({name, random_tensor(shape, 500 + out.size()).to(type)});
      out.back().tensor.set_requires_grad(true);
    }
    return out;
  };
  const std::vector<NamedTensor> one = start(), two = start();
  Adam kernel(one, 0.02), tensors(two, 0.02, Engine::kTensor);
  for (uint64_t t = 1; t <= 25; ++t) {
    set_gradients(one, 10 * t);
    set_gradients(two, 10 * t);
    // A transposed gradient has another memory layout than its parameter.
    at::Tensor& turned = two[0].tensor.mutable_grad();
    turned = turned.t().contiguous().t();
    kernel.step(0.05 / static_cast<double>(t));
    tensors.step(0.05 / static_cast<double>(t));
  }
  const double tolerance = type == at::kDouble ? 1e-7 : 1e-5;
  for (size_t k = 0; k < one.size(); ++k) {
    REQUIRE(at::allclose(two[k].tensor, one[k].tensor, tolerance, tolerance));
  }
  const auto a = kernel.state(), b = tensors.state();
  for (size_t k = 0; k + 1 < a.size(); ++k) {
    REQUIRE(at::allclose(b[k].tensor, a[k].tensor, tolerance, tolerance));
  }
}

TEST_CASE("a step of the tensor form never waits for the device") {
  const std::vector<NamedTensor> parameters = {
      {"a", parameter_of(30, 8, at::kFloat)},
      {"b", parameter_of(7, 9, at::kFloat)}};
  Adam adam(parameters, 0.01, Engine::kTensor);
  set_gradients(parameters, 20);
  adam.begin_step(0.1);
  // LibTorch's fused CPU kernel fetches the step number; its CUDA kernel reads
  // it on the device. Our own code fetches nothing.
  REQUIRE(waits_of([&] { adam.finish_step(); }, 0) ==
          std::vector<std::string>{});
}

TEST_CASE("a parameter without a gradient stays as it is") {
  at::Tensor parameter = at::ones({3}, doubles());
  parameter.set_requires_grad(true);
  Adam adam({{"p", parameter}}, 0.1);
  adam.step(0.1);
  REQUIRE(parameter.detach().eq(1).all().item<bool>());
}

TEST_CASE(
    "a parameter updated in pieces has the same bits, and is updated once") {
  at::Tensor whole = parameter_of(1003, 2, at::kFloat);
  at::Tensor pieces = whole.detach().clone().set_requires_grad(true);
  at::Tensor other = parameter_of(5, 3, at::kFloat);
  const at::Tensor other_before = other.detach().clone();
  Adam plain({{"p", whole}}, 0.01), handed({{"p", pieces}, {"q", other}}, 0.01);
  REQUIRE(handed.layers_can_step());
  for (uint64_t t = 1; t <= 5; ++t) {
    const at::Tensor gradient = random_tensor({1003}, 10 + t).to(at::kFloat);
    whole.mutable_grad() = gradient.clone();
    plain.step(0.02);
    handed.begin_step(0.02);
    {
      at::NoGradGuard no_grad;
      move_in_pieces(handed.update_of("p"), pieces.detach(), gradient);
    }
    other.mutable_grad() = at::ones({5});
    handed.finish_step();
    REQUIRE(at::equal(whole, pieces));
  }
  REQUIRE_FALSE(at::equal(other.detach(), other_before));
  for (size_t k = 0; k < 2; ++k) {
    REQUIRE(at::equal(plain.state()[k].tensor, handed.state()[k].tensor));
  }
}

TEST_CASE("a missing gradient counts as zeros") {
  at::Tensor one = parameter_of(77, 4, at::kFloat).detach();
  at::Tensor same = one.clone();
  at::Tensor m = random_tensor({77}, 5).to(at::kFloat), n = m.clone();
  at::Tensor v = m.square(), w = v.clone();
  kernels::AdamCoefficients c;
  c.weight_decay = 0.1;
  c.step_size = 0.3;
  const at::Tensor zeros = at::zeros({77});
  AdamUpdate{m, v, c, nullptr}.move(one.data_ptr<float>(),
                                    zeros.data_ptr<float>(), 0, 77);
  AdamUpdate{n, w, c, nullptr}.move<float>(same.data_ptr<float>(), nullptr, 0,
                                           77);
  REQUIRE(at::equal(one, same));
  REQUIRE(at::equal(m, n));
  REQUIRE(at::equal(v, w));
}

TEST_CASE("a non-finite number is reported at its step") {
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const auto engine = GENERATE(Engine::kFused, Engine::kTensor);
  const double infinity = std::numeric_limits<double>::infinity();
  const double huge = type == at::kFloat ? 1e25 : 1e200;  // square overflows
  const double bad = GENERATE_COPY(std::nan(""), infinity, -infinity, huge);
  const int64_t where = GENERATE(0, 8, 36);
  at::Tensor parameter = parameter_of(37, 6, type);
  Adam adam({{"p", parameter}}, 0, engine);
  parameter.mutable_grad() = at::ones_like(parameter).detach();
  adam.step(0.1);
  REQUIRE(adam.finite());
  at::Tensor gradient = at::ones_like(parameter).detach();
  gradient[where] = bad;
  parameter.mutable_grad() = gradient;
  adam.step(0.1);
  REQUIRE_FALSE(adam.finite());
}

TEST_CASE("only parameters of the current step can be updated in pieces") {
  at::Tensor parameter = parameter_of(4, 7, at::kFloat);
  Adam adam({{"p", parameter}}, 0);
  REQUIRE_THROWS_WITH(adam.update_of("p"), contains("'p'"));
  adam.begin_step(0.1);
  REQUIRE_THROWS_WITH(adam.update_of("q"), contains("'q'"));
  REQUIRE_NOTHROW(adam.update_of("p"));
  adam.finish_step();
  REQUIRE_THROWS_AS(adam.update_of("p"), Error);
  Adam plain({{"p", parameter}}, 0, Engine::kTensor);
  plain.begin_step(0.1);
  REQUIRE_FALSE(plain.layers_can_step());
  REQUIRE_THROWS_AS(plain.update_of("p"), Error);
}

TEST_CASE("after restoring the state of Adam, steps have the same bits") {
  const auto engine = GENERATE(Engine::kFused, Engine::kTensor);
  // The tensor form requires that all tensors have the same type.
  const auto other = engine == Engine::kFused ? at::kDouble : at::kFloat;
  const std::vector<NamedTensor> one = {{"a", parameter_of(30, 8, at::kFloat)},
                                        {"b", parameter_of(7, 9, other)}};
  Adam adam(one, 0.01, engine);
  for (uint64_t t = 0; t < 3; ++t) {
    set_gradients(one, 20 + 2 * t);
    adam.step(0.1);
  }
  const std::vector<NamedTensor> state = adam.state();
  REQUIRE(state.size() == 5);
  REQUIRE(state[0].name == "first.a");
  REQUIRE(state[3].name == "second.b");
  REQUIRE(state[4].name == "steps");
  REQUIRE(state[4].tensor.scalar_type() == at::kLong);
  REQUIRE(state[4].tensor.item<int64_t>() == 3);

  std::vector<NamedTensor> two;
  for (const NamedTensor& entry : one) {
    two.push_back(
        {entry.name, entry.tensor.detach().clone().set_requires_grad(true)});
  }
  Adam resumed(two, 0.01, engine);
  resumed.load_state(state);
  for (uint64_t t = 0; t < 3; ++t) {
    set_gradients(one, 40 + 2 * t);
    set_gradients(two, 40 + 2 * t);
    adam.step(0.1);
    resumed.step(0.1);
  }
  for (size_t k = 0; k < 2; ++k) {
    REQUIRE(at::equal(one[k].tensor, two[k].tensor));
  }
  REQUIRE(resumed.n_steps() == 6);
}

TEST_CASE("a mismatched state of Adam is refused and changes nothing") {
  const std::vector<NamedTensor> parameters = {
      {"a", parameter_of(30, 8, at::kFloat)}};
  Adam adam(parameters, 0);
  set_gradients(parameters, 1);
  adam.step(0.1);
  const auto before = adam.state();
  auto damaged = adam.state();
  damaged[1].tensor = at::zeros({29});
  REQUIRE_THROWS_WITH(adam.load_state(damaged), contains("second.a"));
  damaged.pop_back();
  REQUIRE_THROWS_AS(adam.load_state(damaged), Error);
  const auto after = adam.state();
  for (size_t k = 0; k < before.size(); ++k) {
    REQUIRE(at::equal(before[k].tensor, after[k].tensor));
  }
}

}  // namespace adam_test
