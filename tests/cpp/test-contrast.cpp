#include <cmath>
#include <numeric>

#include "catch.h"
#include "core/models/contrast.h"
#include "core/support/error.h"
#include "torch_helpers.h"
#include "trainer_helpers.h"

namespace contrast_test {

using namespace sailer;
using namespace sailer_test;

namespace {

SailerModel by_chromosome(int64_t width) {
  SailerOptions options = default_options(Architecture::kChromosome);
  options.n_latent = 3;
  options.hidden = {width, 4};
  return SailerModel(options, PeakLayout({9, 4, 12}), 2, {}, 5, at::kCPU,
                     at::kDouble);
}

struct Case {
  ContrastGroup first, second;
  at::Tensor confounders, shares;
  ContrastTraining training;
  std::vector<int64_t> peaks{20, 3, 9, 0, 11, 24};
  ContrastOptions options;
};

// Every training cell is a cluster of its own, so nothing is approximated.
Case make_case(int64_t n_training) {
  Case out;
  out.first = {random_tensor({5, 3}, 1), at::full({5}, 0.2, doubles())};
  // Two samples for each of three cells.
  out.second = {random_tensor({6, 3}, 2) + 0.5,
                at::tensor({0.5, 0.3, 0.2}, doubles())};
  out.confounders = random_tensor({2, 2}, 3);
  out.shares = at::tensor({0.7, 0.3}, doubles());
  std::vector<int64_t> clusters(n_training);
  std::iota(clusters.begin(), clusters.end(), 0);
  out.training = {
      random_tensor({n_training, 3}, 4), random_tensor({n_training, 2}, 5),
      random_tensor({n_training}, 6).abs() + 0.5, clusters, n_training};
  out.options.shift = -0.4;
  out.options.offset = 0.02;
  out.options.ridge = 0.3;
  return out;
}

PeakContrasts contrast(const SailerModel& model, const Case& given) {
  Monitor monitor;
  return contrast_peaks(model, given.first, given.second, given.confounders,
                        given.shares, given.training, given.peaks,
                        given.options, monitor);
}

// One peak according to the definition, with its own Fisher information.
struct Plain {
  double mean = 0, variance = 0;
  at::Tensor gradient, design;
};

at::Tensor design_of(const SailerModel& model, const at::Tensor& z,
                     const at::Tensor& confounders, int64_t peak) {
  const at::Tensor hidden = model.decode_hidden(z, confounders, false).detach();
  const int64_t width = model.output_weight().size(1);
  const int64_t group = model.output_layout().group_of(peak);
  return at::cat({at::ones({z.size(0), 1}, doubles()),
                  hidden.slice(1, group * width, (group + 1) * width)},
                 1);
}

at::Tensor weights_of(const SailerModel& model, int64_t peak) {
  return at::cat({model.output_bias()[peak].reshape({1}),
                  model.output_weight()[peak]})
      .detach();
}

Plain plain_side(const SailerModel& model, const Case& given,
                 const ContrastGroup& group, int64_t peak) {
  Plain out;
  const int64_t n = group.z.size(0), cells = group.weights.size(0);
  const at::Tensor w = weights_of(model, peak);
  out.gradient = at::zeros_like(w);
  std::vector<double> p(n, 0);
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double weight = group.weights[i % cells].item<double>() * cells / n;
    if (i < cells) squares += std::pow(group.weights[i].item<double>(), 2);
    for (int64_t c = 0; c < 2; ++c) {
      const at::Tensor h =
          design_of(model, group.z.slice(0, i, i + 1),
                    given.confounders.slice(0, c, c + 1), peak)[0];
      const double share = given.shares[c].item<double>();
      const double logit = h.dot(w).item<double>() + given.options.shift;
      const double open = 1 / (1 + std::exp(-logit));
      p[i] += share * open;
      out.gradient +=
          share * weight * (open + given.options.offset) * (1 - open) * h;
    }
    out.mean += weight * p[i];
  }
  for (int64_t i = 0; i < n; ++i) {
    const double weight = group.weights[i % cells].item<double>() * cells / n;
    out.variance += squares * weight * std::pow(p[i] - out.mean, 2);
  }
  return out;
}

at::Tensor plain_information(const SailerModel& model, const Case& given,
                             int64_t peak) {
  const at::Tensor h =
      design_of(model, given.training.z, given.training.confounders, peak);
  const at::Tensor w = weights_of(model, peak);
  at::Tensor out = at::zeros({w.size(0), w.size(0)}, doubles());
  for (int64_t i = 0; i < h.size(0); ++i) {
    const double logit = h[i].dot(w).item<double>() + given.options.shift;
    const double open = 1 / (1 + std::exp(-logit));
    out += given.training.weights[i] * (open + given.options.offset) *
           (1 - open) * at::outer(h[i], h[i]);
  }
  return out + given.options.ridge * at::eye(w.size(0), doubles());
}

}  // namespace

TEST_CASE("contrasts by chromosome agree with the plain formulas") {
  const SailerModel model = by_chromosome(6);
  const Case given = make_case(40);
  const PeakContrasts got = contrast(model, given);
  for (size_t k = 0; k < given.peaks.size(); ++k) {
    const int64_t peak = given.peaks[k];
    const Plain first = plain_side(model, given, given.first, peak);
    const Plain second = plain_side(model, given, given.second, peak);
    const at::Tensor inverse =
        at::inverse(plain_information(model, given, peak));
    const auto spread = [&](double by_1, double by_2) {
      const at::Tensor g = by_1 * first.gradient - by_2 * second.gradient;
      return g.dot(at::mv(inverse, g)).item<double>() +
             by_1 * by_1 * first.variance + by_2 * by_2 * second.variance;
    };
    REQUIRE(got.mean_1[k] == Approx(first.mean).epsilon(1e-8));
    REQUIRE(got.mean_2[k] == Approx(second.mean).epsilon(1e-8));
    REQUIRE(got.difference_variance[k] == Approx(spread(1, 1)).epsilon(1e-4));
    REQUIRE(got.log_variance[k] ==
            Approx(spread(1 / (first.mean + 0.02), 1 / (second.mean + 0.02)))
                .epsilon(1e-4));
  }
}

TEST_CASE("a wide last layer is reduced to its main directions") {
  // 40 cells span at most 40 of the 201 directions.
  const SailerModel model = by_chromosome(200);
  Case given = make_case(40);
  const PeakContrasts got = contrast(model, given);
  const Plain first = plain_side(model, given, given.first, 20);
  const Plain second = plain_side(model, given, given.second, 20);
  const at::Tensor g = first.gradient - second.gradient;
  const at::Tensor inverse = at::inverse(plain_information(model, given, 20));
  const double all = g.dot(at::mv(inverse, g)).item<double>() + first.variance +
                     second.variance;
  REQUIRE(got.difference_variance[0] <= all * (1 + 1e-6));
  REQUIRE(got.difference_variance[0] > 0.5 * all);
}

TEST_CASE("a comparison can be stopped, and refuses mismatched arguments") {
  const SailerModel model = by_chromosome(6);
  Case given = make_case(10);
  Stopper stopper(0);
  REQUIRE(contrast_peaks(model, given.first, given.second, given.confounders,
                         given.shares, given.training, given.peaks,
                         given.options, stopper)
              .mean_1.empty());
  given.peaks = {25};
  REQUIRE_THROWS_AS(contrast(model, given), Error);
  given = make_case(10);
  given.confounders = random_tensor({1, 5}, 1);
  REQUIRE_THROWS_AS(contrast(model, given), Error);
}

}  // namespace contrast_test
