#include <cmath>
#include <limits>
#include <memory>

#include "catch.h"
#include "core/models/reconstruction.h"
#include "core/support/error.h"
#include "core/training/adam.h"
#include "dense_oracles.h"
#include "torch_helpers.h"

namespace reconstruction_test {

using namespace sailer;
using namespace sailer_test;

namespace {

struct Case {
  PeakLayout layout;
  SparseRowsTensor rows;
  at::Tensor hidden, weight, bias;
};

Case make_case(const std::vector<int64_t>& groups, int64_t n_cells,
               int64_t width, double density, uint64_t seed) {
  Case c{PeakLayout(groups), {}, {}, {}, {}};
  const int64_t n_peaks = c.layout.n_peaks();
  c.rows = random_rows(n_cells, n_peaks, density, seed);
  c.hidden = random_tensor({n_cells, c.layout.n_groups() * width}, seed + 1);
  c.weight = random_tensor({n_peaks, width}, seed + 2);
  c.bias = random_tensor({n_peaks}, seed + 3);
  for (at::Tensor* x : {&c.hidden, &c.weight, &c.bias}) {
    x->set_requires_grad(true);
  }
  return c;
}

at::Tensor fused(const Case& c, const ReconstructionOptions& options) {
  return reconstruction_loss(c.hidden, c.weight, c.bias, c.rows, c.layout,
                             options);
}

at::Tensor dense(const Case& c, const ReconstructionOptions& options) {
  return reconstruction_loss_dense(
      c.hidden, c.weight, c.bias,
      to_dense(c.rows, c.layout.n_peaks(), c.hidden.scalar_type()), c.layout,
      options);
}

// A copy in another type, with its own parameters and optimiser.
struct Trained {
  Trained(const Case& c, at::ScalarType type) : data(c) {
    for (at::Tensor* x : {&data.hidden, &data.weight, &data.bias}) {
      *x = x->detach().to(type, false, /*copy=*/true).set_requires_grad(true);
    }
    adam = std::make_unique<Adam>(parameters(), 0.01);
  }
  std::vector<NamedTensor> parameters() const {
    return {{"weight", data.weight}, {"bias", data.bias}};
  }
  OutputUpdates updates() const {
    return {adam->update_of("weight"), adam->update_of("bias")};
  }
  at::Tensor loss(const ReconstructionOptions& options,
                  const OutputUpdates* updates) const {
    return reconstruction_loss(data.hidden, data.weight, data.bias, data.rows,
                               data.layout, options, updates);
  }

  Case data;
  std::unique_ptr<Adam> adam;
};

}  // namespace

TEST_CASE("weighted cross-entropy from logits holds at extreme logits") {
  // One cell, one hidden unit of 1 and no bias: the weights are the logits.
  const std::vector<double> logits = {-1e4, -80, -1, 0, 1, 80, 1e4};
  const auto n = static_cast<int64_t>(logits.size());
  const at::Tensor hidden = at::ones({1, 1}, doubles());
  const at::Tensor weight = at::tensor(logits, doubles()).unsqueeze(1);
  const at::Tensor bias = at::zeros({n}, doubles());
  ReconstructionOptions options;
  options.omega = 5;
  for (int64_t open = 0; open < n; ++open) {
    const double found =
        reconstruction_loss(hidden, weight, bias, rows_of({{open}}),
                            PeakLayout({n}), options)
            .item<double>();
    // -log sigmoid(a) = softplus(-a), -log(1 - sigmoid(a)) = softplus(a).
    double expected = 0;
    for (int64_t p = 0; p < n; ++p) {
      const double a = p == open ? -logits[p] : logits[p];
      const double softplus =
          std::max(a, 0.0) + std::log1p(std::exp(-std::abs(a)));
      expected += p == open ? options.omega * softplus : softplus;
    }
    REQUIRE(std::isfinite(found));
    REQUIRE(found == Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("the plain formula agrees where it does not overflow") {
  const Case c = make_case({6}, 3, 2, 0.3, 20);
  ReconstructionOptions options;
  options.omega = 3.5;
  double expected = 0;
  const at::Tensor logits = c.hidden.mm(c.weight.t()) + c.bias;
  const int64_t* offsets = c.rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = c.rows.indices.data_ptr<int64_t>();
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t p = 0; p < 6; ++p) {
      bool open = false;
      for (int64_t k = offsets[i]; k < offsets[i + 1]; ++k) {
        open = open || indices[k] == p;
      }
      const double share = 1 / (1 + std::exp(-logits[i][p].item<double>()));
      expected -= open ? options.omega * std::log(share) : std::log(1 - share);
    }
  }
  REQUIRE(fused(c, options).item<double>() == Approx(expected).epsilon(1e-12));
}

TEST_CASE("tiles give the loss and gradients of the dense computation") {
  // 70,000 peaks do not fit into a single tile of 5 cells.
  const auto groups =
      GENERATE(std::vector<int64_t>{40}, std::vector<int64_t>{7, 1, 30},
               std::vector<int64_t>{70000, 9});
  const double omega = GENERATE(1.0, 12.0);
  const bool as_on_a_gpu = GENERATE(false, true);
  Case c = make_case(groups, 5, 4, 0.1, 30);
  ReconstructionOptions options;
  options.omega = omega;
  options.scale = 0.37;
  options.shift = -0.8;
  options.tensor_operations = as_on_a_gpu;
  at::Tensor expected = dense(c, options);
  expected.backward();
  std::vector<at::Tensor> gradients;
  for (at::Tensor* x : {&c.hidden, &c.weight, &c.bias}) {
    gradients.push_back(x->grad().clone());
    x->mutable_grad().reset();
  }
  at::Tensor found = fused(c, options);
  REQUIRE(found.item<double>() ==
          Approx(expected.item<double>()).epsilon(1e-10));
  found.backward();
  REQUIRE(at::allclose(c.hidden.grad(), gradients[0], 1e-9, 1e-9));
  REQUIRE(at::allclose(c.weight.grad(), gradients[1], 1e-9, 1e-9));
  REQUIRE(at::allclose(c.bias.grad(), gradients[2], 1e-9, 1e-9));
}

TEST_CASE("an outer factor reaches the gradients") {
  Case c = make_case({25}, 4, 3, 0.2, 40);
  const auto loss = [&] { return 3.0 * fused(c, {}); };
  REQUIRE(gradient_error(c.hidden, loss) < 1e-6);
  REQUIRE(gradient_error(c.weight, loss) < 1e-6);
  REQUIRE(gradient_error(c.bias, loss) < 1e-6);
}

TEST_CASE("single precision stays close to double") {
  const Case c = make_case({3000}, 8, 16, 0.02, 50);
  const at::Tensor found = reconstruction_loss(
      c.hidden.detach().to(at::kFloat), c.weight.detach().to(at::kFloat),
      c.bias.detach().to(at::kFloat), c.rows, c.layout, {});
  REQUIRE(found.item<double>() ==
          Approx(dense(c, {}).item<double>()).epsilon(1e-5));
}

TEST_CASE("cells without an open peak are allowed in a batch") {
  Case c = make_case({5}, 2, 2, 0.0, 60);
  REQUIRE(fused(c, {}).item<double>() ==
          Approx(dense(c, {}).item<double>()).epsilon(1e-12));
}

TEST_CASE("weights updated with the loss have the bits of a later step") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const auto groups =
      GENERATE(std::vector<int64_t>{40}, std::vector<int64_t>{7, 1, 30},
               std::vector<int64_t>{70000, 9});
  const Case c = make_case(groups, 5, 4, 0.1, 70);
  ReconstructionOptions options;
  options.omega = 3;
  options.scale = 0.2;
  const Trained apart(c, type), at_once(c, type);
  for (int step = 0; step < 3; ++step) {
    const at::Tensor expected = apart.loss(options, nullptr);
    expected.backward();
    apart.adam->step(0.01);
    at_once.adam->begin_step(0.01);
    const OutputUpdates updates = at_once.updates();
    const at::Tensor found = at_once.loss(options, &updates);
    (found + 0).backward();
    at_once.adam->finish_step();
    REQUIRE(at_once.adam->finite());
    REQUIRE(found.item<double>() == expected.item<double>());
    REQUIRE_FALSE(at_once.data.weight.grad().defined());
    REQUIRE_FALSE(at_once.data.bias.grad().defined());
    REQUIRE(at::equal(at_once.data.weight, apart.data.weight));
    REQUIRE(at::equal(at_once.data.bias, apart.data.bias));
    REQUIRE(at::equal(at_once.data.hidden.grad(), apart.data.hidden.grad()));
  }
  REQUIRE_FALSE(at::equal(at_once.data.weight, c.weight.to(type)));
}

TEST_CASE("a tile with a non-finite loss is not updated") {
  const double bad =
      GENERATE(std::nan(""), std::numeric_limits<double>::infinity());
  const Case c = make_case({30, 20}, 4, 3, 0.2, 80);
  const Trained trained(c, at::kFloat);
  {
    at::NoGradGuard no_grad;
    trained.data.weight[30][0] = bad;  // in the second group, a tile of its own
  }
  const at::Tensor before = trained.data.weight.detach().clone();
  trained.adam->begin_step(0.01);
  const OutputUpdates updates = trained.updates();
  try {
    trained.loss({}, &updates);
    FAIL("no error");
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::kNumeric);
  }
  const at::Tensor after = trained.data.weight.detach();
  REQUIRE_FALSE(at::equal(after.slice(0, 0, 30), before.slice(0, 0, 30)));
  REQUIRE(at::equal(after.slice(0, 31, 50), before.slice(0, 31, 50)));
}

TEST_CASE("a loss that updated its weights cannot be scaled afterwards") {
  const Trained trained(make_case({12}, 3, 2, 0.2, 90), at::kDouble);
  trained.adam->begin_step(0.01);
  const OutputUpdates updates = trained.updates();
  REQUIRE_THROWS_AS((2 * trained.loss({}, &updates)).backward(), Error);
  ReconstructionOptions tensors;
  tensors.tensor_operations = true;
  REQUIRE_THROWS_AS(trained.loss(tensors, &updates), Error);
}

TEST_CASE("bfloat16 products keep loss and gradients within their precision") {
  const Case c = make_case({600, 300}, 30, 16, 0.05, 110);
  const Trained full(c, at::kFloat), half(c, at::kFloat);
  ReconstructionOptions options;
  options.omega = 3;
  const at::Tensor expected = full.loss(options, nullptr);
  expected.backward();
  options.precision = Precision::kBf16;
  const at::Tensor found = half.loss(options, nullptr);
  found.backward();
  REQUIRE(found.scalar_type() == at::kFloat);
  REQUIRE(found.item<double>() != expected.item<double>());
  REQUIRE(found.item<double>() ==
          Approx(expected.item<double>()).epsilon(2e-3));
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).norm() / b.norm()).item<double>();
  };
  // If the processor has no such products, LibTorch's fallback also sums in
  // bfloat16; then the long sum over the peaks has the largest error.
  REQUIRE(distance(half.data.hidden.grad(), full.data.hidden.grad()) < 0.04);
  REQUIRE(distance(half.data.weight.grad(), full.data.weight.grad()) < 0.01);
  REQUIRE(distance(half.data.bias.grad(), full.data.bias.grad()) < 0.01);
}

TEST_CASE("open peaks out of order are refused, not miscounted") {
  Case c = make_case({5}, 1, 2, 0, 120);
  c.rows = rows_of({{3, 1}});
  REQUIRE_THROWS_WITH(fused(c, {}), contains("increasing order"));
}

}  // namespace reconstruction_test
