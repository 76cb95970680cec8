#include <cmath>

#include "catch.h"
#include "core/models/divergence.h"
#include "dense_oracles.h"
#include "torch_helpers.h"

namespace divergence_test {

using namespace sailer;
using namespace sailer_test;

namespace {

double at2(const at::Tensor& x, int64_t i, int64_t k) {
  return x[i][k].item<double>();
}

// KL(N(m1, exp(l1)) || N(m2, exp(l2))) of one dimension.
double kl_1d(double m1, double l1, double m2, double l2) {
  return 0.5 *
         (l2 - l1 + (std::exp(l1) + (m1 - m2) * (m1 - m2)) / std::exp(l2) - 1);
}

double log_density(double z, double m, double l) {
  return -0.5 * (std::log(2 * M_PI) + l + (z - m) * (z - m) / std::exp(l));
}

constexpr int64_t kCells = 7, kDims = 3;

}  // namespace

TEST_CASE("KL to the prior equals the sum over dimensions") {
  const at::Tensor mean = random_tensor({kCells, kDims}, 1);
  const at::Tensor log_variance = random_tensor({kCells, kDims}, 2);
  const at::Tensor kl = kl_to_prior(mean, log_variance);
  for (int64_t i = 0; i < kCells; ++i) {
    double expected = 0;
    for (int64_t k = 0; k < kDims; ++k) {
      expected += kl_1d(at2(mean, i, k), at2(log_variance, i, k), 0, 0);
    }
    REQUIRE(kl[i].item<double>() == Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("pairwise KL equals a double sum, even far from the origin") {
  const double offset = GENERATE(0.0, 1e4);
  const at::Tensor mean = random_tensor({kCells, kDims}, 3) + offset;
  const at::Tensor log_variance = random_tensor({kCells, kDims}, 4);
  const at::Tensor kl = pairwise_kl(mean, log_variance);
  for (int64_t i = 0; i < kCells; ++i) {
    double expected = 0;
    for (int64_t j = 0; j < kCells; ++j) {
      for (int64_t k = 0; k < kDims; ++k) {
        expected += kl_1d(at2(mean, i, k), at2(log_variance, i, k),
                          at2(mean, j, k), at2(log_variance, j, k));
      }
    }
    REQUIRE(kl[i].item<double>() == Approx(expected / kCells).epsilon(1e-9));
  }
}

TEST_CASE("mixture KL equals the log ratio of densities at the sample") {
  const at::Tensor mean = random_tensor({kCells, kDims}, 5);
  const at::Tensor log_variance = random_tensor({kCells, kDims}, 6) - 1;
  const at::Tensor sample = random_tensor({kCells, kDims}, 7);
  const at::Tensor kl = mixture_kl(sample, mean, log_variance);
  for (int64_t i = 0; i < kCells; ++i) {
    double own = 0, mixture = 0;
    for (int64_t j = 0; j < kCells; ++j) {
      double log_q = 0;
      for (int64_t k = 0; k < kDims; ++k) {
        log_q += log_density(at2(sample, i, k), at2(mean, j, k),
                             at2(log_variance, j, k));
      }
      mixture += std::exp(log_q) / kCells;
      if (i == j) own = log_q;
    }
    REQUIRE(kl[i].item<double>() ==
            Approx(own - std::log(mixture)).epsilon(1e-9));
    REQUIRE(kl[i].item<double>() <= std::log(double{kCells}) + 1e-12);
  }
}

TEST_CASE("narrow posteriors far apart have a divergence of log B") {
  constexpr int64_t n = 100, d = 50;
  const double log_b = std::log(double{n});
  const auto single = [](const at::Tensor& x) { return x.to(at::kFloat); };
  const at::Tensor mean = single(5 * random_tensor({n, d}, 20));
  const at::Tensor log_variance = at::full({n, d}, -10, mean.options());
  const at::Tensor sample =
      mean + at::exp(0.5 * log_variance) * single(random_tensor({n, d}, 21));
  const at::Tensor kl = mixture_kl(sample, mean, log_variance);
  REQUIRE(kl.scalar_type() == at::kFloat);
  REQUIRE(kl.max().item<double>() <= log_b + 1e-6);
  REQUIRE(kl.min().item<double>() == Approx(log_b).epsilon(1e-6));
}

TEST_CASE("equal posteriors have no divergence from their aggregate") {
  const at::Tensor mean = random_tensor({1, kDims}, 8).expand({kCells, kDims});
  const at::Tensor log_variance =
      random_tensor({1, kDims}, 9).expand({kCells, kDims});
  REQUIRE(pairwise_kl(mean, log_variance).abs().max().item<double>() < 1e-12);
  const at::Tensor sample = random_tensor({kCells, kDims}, 10);
  REQUIRE(mixture_kl(sample, mean, log_variance).abs().max().item<double>() <
          1e-9);
}

TEST_CASE("gradients of the divergences equal finite differences") {
  at::Tensor sample = random_tensor({kCells, kDims}, 13);
  at::Tensor mean = random_tensor({kCells, kDims}, 11);
  at::Tensor log_variance = random_tensor({kCells, kDims}, 12);
  const std::vector<at::Tensor> inputs = {sample, mean, log_variance};
  for (const at::Tensor& input : inputs) input.set_requires_grad(true);
  const at::Tensor weight = random_tensor({kCells}, 14);
  const BatchPart part{nullptr, 2, 3, kCells};
  const std::vector<std::function<at::Tensor()>> losses = {
      [&] { return kl_to_prior(mean, log_variance).dot(weight); },
      [&] { return pairwise_kl(mean, log_variance).dot(weight); },
      [&] { return mixture_kl(sample, mean, log_variance).dot(weight); },
      [&] {
        const at::Tensor own = sample.narrow(0, part.first, part.n);
        return mixture_kl(own, mean, log_variance, part)
            .dot(weight.narrow(0, 0, part.n));
      }};
  for (const auto& loss : losses) {
    for (const at::Tensor& input : inputs) {
      REQUIRE(gradient_error(
                  input, [&] { return loss() + 0 * input.sum(); },
                  /*n=*/kCells * kDims) < 1e-7);
    }
  }
}

namespace {

// Value and gradients of a weighted sum, in the order of the inputs.
struct Derived {
  at::Tensor value;
  std::vector<at::Tensor> gradients;  // undefined if not requested
};

template <typename Divergence>
Derived derive(const Divergence& divergence,
               const std::vector<at::Tensor>& inputs) {
  for (const at::Tensor& input : inputs) input.mutable_grad().reset();
  Derived out{divergence(), {}};
  out.value
      .dot(random_tensor(out.value.sizes(), 30).to(out.value.scalar_type()))
      .backward();
  for (const at::Tensor& input : inputs) out.gradients.push_back(input.grad());
  return out;
}

void require_close(const at::Tensor& found, const at::Tensor& expected,
                   double tolerance) {
  const at::Tensor difference = (found.to(at::kDouble) - expected).abs();
  const double size = 1 + expected.abs().max().item<double>();
  REQUIRE(difference.max().item<double>() <= tolerance * size);
}

}  // namespace

TEST_CASE("mixture KL agrees with its plain form, gradients too") {
  struct Case {
    int64_t n, d;
    double spread, log_variance;
  };
  const Case of = GENERATE(Case{7, 3, 1, 0}, Case{2, 1, 1, -1},
                           Case{60, 50, 5, -10}, Case{60, 2, 0.01, -8});
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const int64_t first = GENERATE(0, 1);
  const int given = GENERATE(0, 1, 2);  // without gradient: none, means, both
  CAPTURE(of.n, of.d, type, first, given);
  const at::Tensor mean =
      (of.spread * random_tensor({of.n, of.d}, 31)).to(type);
  const at::Tensor log_variance =
      (random_tensor({of.n, of.d}, 32) + of.log_variance).to(type);
  const at::Tensor noise = random_tensor({of.n, of.d}, 33).to(type);
  const int64_t n = first == 0 ? of.n : of.n - first;
  const at::Tensor sample =
      (mean + at::exp(0.5 * log_variance) * noise).narrow(0, first, n).clone();
  sample.set_requires_grad(true);
  mean.set_requires_grad(given < 1);
  log_variance.set_requires_grad(given < 2);
  const std::vector<at::Tensor> inputs = {sample, mean, log_variance};
  const BatchPart part{nullptr, first, n, of.n};
  const Derived found = derive(
      [&] { return mixture_kl(sample, mean, log_variance, part); }, inputs);
  const Derived expected = derive(
      [&] { return mixture_kl_plain(sample, mean, log_variance, first); },
      inputs);
  const double tolerance = type == at::kDouble ? 1e-9 : 1e-6;
  require_close(found.value, expected.value, tolerance);
  REQUIRE(found.value.scalar_type() == type);
  for (size_t k = 0; k < inputs.size(); ++k) {
    CAPTURE(k);
    REQUIRE(found.gradients[k].defined() == expected.gradients[k].defined());
    if (!expected.gradients[k].defined()) continue;
    REQUIRE(found.gradients[k].scalar_type() == type);
    require_close(found.gradients[k], expected.gradients[k], tolerance);
  }
}

}  // namespace divergence_test
