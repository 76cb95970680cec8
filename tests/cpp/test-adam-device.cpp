#include <algorithm>
#include <cmath>

#include "catch.h"
#include "core/training/adam_device.h"
#include "operations.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

namespace {

using Step = decltype(&adam_step_on_device);

struct State {
  std::vector<at::Tensor> parameters, first, second;
};

const std::vector<std::vector<int64_t>> kShapes = {{37, 5}, {11}, {}, {64, 3}};

State start(at::ScalarType type) {
  State state;
  for (size_t k = 0; k < kShapes.size(); ++k) {
    state.parameters.push_back(
        random_tensor(kShapes[k], 500 + k).to(type).set_requires_grad(true));
    state.first.push_back(at::zeros_like(state.parameters[k]).detach());
    state.second.push_back(at::zeros_like(state.parameters[k]).detach());
  }
  return state;
}

// A transposed gradient has another layout than its parameter.
at::Tensor gradient_of(size_t k, int64_t t, at::ScalarType type) {
  const at::Tensor g =
      random_tensor(kShapes[k], 600 + 10 * static_cast<uint64_t>(t) + k)
          .to(type);
  return g.dim() == 2 ? g.t().contiguous().t() : g;
}

// The step of the CPU's own kernel.
void step_by_kernel(State& state, const std::vector<at::Tensor>& gradients,
                    int64_t step, double rate, kernels::AdamCoefficients c) {
  at::NoGradGuard no_grad;
  const double t = static_cast<double>(step);
  c.step_size = rate / (1 - std::pow(c.beta1, t));
  c.second_correction = std::sqrt(1 - std::pow(c.beta2, t));
  for (size_t k = 0; k < gradients.size(); ++k) {
    const at::Tensor g = gradients[k].contiguous();
    kernels::adam_step(state.parameters[k].data_ptr<double>(),
                       g.data_ptr<double>(), state.first[k].data_ptr<double>(),
                       state.second[k].data_ptr<double>(), g.numel(), c);
  }
}

void compare(Step step, at::ScalarType type, double tolerance) {
  kernels::AdamCoefficients c;
  c.weight_decay = 0.02;
  State found = start(type), expected = start(type);
  for (State* state : {&expected}) {
    for (auto* list : {&state->parameters, &state->first, &state->second}) {
      for (at::Tensor& x : *list) x = x.detach().to(at::kDouble).clone();
    }
  }
  for (int64_t t = 1; t <= 25; ++t) {
    const double rate = 0.05 / static_cast<double>(t);
    std::vector<at::Tensor> gradients, in_double;
    for (size_t k = 0; k < kShapes.size(); ++k) {
      gradients.push_back(gradient_of(k, t, type));
      in_double.push_back(gradients[k].to(at::kDouble));
    }
    step(found.parameters, gradients, found.first, found.second, t, rate, c);
    step_by_kernel(expected, in_double, t, rate, c);
  }
  for (size_t k = 0; k < kShapes.size(); ++k) {
    REQUIRE(at::allclose(found.parameters[k].to(at::kDouble),
                         expected.parameters[k], tolerance, tolerance));
    REQUIRE(at::allclose(found.first[k].to(at::kDouble), expected.first[k],
                         tolerance, tolerance));
    REQUIRE(at::allclose(found.second[k].to(at::kDouble), expected.second[k],
                         tolerance, tolerance));
  }
}

}  // namespace

TEST_CASE("both ways of Adam on devices equal the kernel on the CPU") {
  const Step step = GENERATE(&adam_step_on_device, &adam_step_by_lists);
  compare(step, at::kDouble, 1e-7);  // the fused step counts in float
  compare(step, at::kFloat, 1e-5);
}

TEST_CASE("lists of tensors follow the kernel to the last digits") {
  compare(&adam_step_by_lists, at::kDouble, 1e-13);
}

TEST_CASE("a step of Adam never waits for the device") {
  State state = start(at::kFloat);
  std::vector<at::Tensor> gradients;
  for (size_t k = 0; k < kShapes.size(); ++k) {
    gradients.push_back(gradient_of(k, 1, at::kFloat));
  }
  const auto run = [&](Step step) {
    step(state.parameters, gradients, state.first, state.second, 1, 0.1, {});
  };
  REQUIRE(waits_of([&] { run(&adam_step_by_lists); }) ==
          std::vector<std::string>{});
  // The fused kernel of the CPU fetches the number of the step; that of CUDA
  // reads it where it is. We ourselves fetch nothing.
  REQUIRE(waits_of([&] { run(&adam_step_on_device); }, 0) ==
          std::vector<std::string>{});
}

TEST_CASE("LibTorch's fused step is taken where it has one") {
  State state = start(at::kFloat);
  std::vector<at::Tensor> gradients;
  for (size_t k = 0; k < kShapes.size(); ++k) {
    gradients.push_back(gradient_of(k, 1, at::kFloat));
  }
  const auto names = operations_of([&] {
    adam_step_on_device(state.parameters, gradients, state.first, state.second,
                        1, 0.1, {});
  });
  const bool fused = std::any_of(
      names.begin(), names.end(),
      [](const Operation& one) { return one.name == "aten::_fused_adam_"; });
  REQUIRE(fused == has_fused_adam(at::kCPU));
  adam_step_on_device({}, {}, {}, {}, 1, 0.1, {});  // nothing to move
}
