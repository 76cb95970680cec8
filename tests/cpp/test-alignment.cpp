#include <cmath>

#include "catch.h"
#include "core/models/alignment.h"
#include "torch_helpers.h"

namespace alignment_test {

using namespace sailer;
using namespace sailer_test;

namespace {

double cosine(const at::Tensor& a, const at::Tensor& b) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t k = 0; k < a.numel(); ++k) {
    const double x = a[k].item<double>(), y = b[k].item<double>();
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa == 0 || bb == 0 ? 0 : ab / std::sqrt(aa * bb);
}

// Eq. 3.3-3.4 as written: a double loop over the cells.
double by_loops(const at::Tensor& mean, const at::Tensor& reference,
                const std::vector<bool>& present,
                const std::vector<double>& weight) {
  double sum = 0, pairs = 0;
  for (size_t i = 0; i < present.size(); ++i) {
    for (size_t j = 0; j < present.size(); ++j) {
      if (!present[i] || !present[j]) continue;
      const auto a = static_cast<int64_t>(i), b = static_cast<int64_t>(j);
      const double gap =
          cosine(reference[a], reference[b]) - cosine(mean[a], mean[b]);
      sum += weight[i] * weight[j] * gap * gap;
      ++pairs;
    }
  }
  return pairs == 0 ? 0 : sum / pairs;
}

at::Tensor tensor_of(const std::vector<double>& values) {
  return at::tensor(values, doubles());
}

at::Tensor tensor_of(const std::vector<bool>& values) {
  std::vector<double> out(values.begin(), values.end());
  return at::tensor(out, doubles());
}

const std::vector<double> kWeights{0.2, 1, 0, 0.7, 0.5, 0.9, 0.3};
const std::vector<bool> kAll(7, true);

}  // namespace

TEST_CASE("the alignment equals the double loop of eq. 3.3-3.4") {
  const at::Tensor mean = random_tensor({7, 3}, 1);
  for (int64_t width : {1, 2, 5, 40}) {
    const at::Tensor reference = random_tensor({7, width}, 2);
    const double loss =
        alignment_loss(mean, reference, tensor_of(kAll), tensor_of(kWeights))
            .item<double>();
    REQUIRE(loss == Approx(by_loops(mean, reference, kAll, kWeights)));
  }
}

TEST_CASE("the gradient of the alignment agrees with finite differences") {
  at::Tensor mean = random_tensor({7, 3}, 1);
  mean.set_requires_grad(true);
  const at::Tensor reference = random_tensor({7, 5}, 2);
  const double error = gradient_error(
      mean,
      [&] {
        return alignment_loss(mean, reference, tensor_of(kAll),
                              tensor_of(kWeights));
      },
      21);
  REQUIRE(error < 1e-7);
}

TEST_CASE("cells without a reference do not affect the alignment") {
  const std::vector<bool> some{true, false, true, true, false, true, false};
  const at::Tensor mean = random_tensor({7, 3}, 1);
  const at::Tensor reference = random_tensor({7, 5}, 2);
  const double loss =
      alignment_loss(mean, reference, tensor_of(some), tensor_of(kWeights))
          .item<double>();
  REQUIRE(loss == Approx(by_loops(mean, reference, some, kWeights)));
  // Regardless of their values and positions.
  at::Tensor other = mean.clone(), strange = reference.clone();
  for (int64_t i : {1, 4, 6}) {
    other[i] = 100.0 * static_cast<double>(i);
    strange[i] = -7;
  }
  REQUIRE(alignment_loss(other, strange, tensor_of(some), tensor_of(kWeights))
              .item<double>() == loss);
  const at::Tensor order =
      at::tensor(std::vector<int64_t>{0, 4, 1, 2, 6, 3, 5}, at::kLong);
  REQUIRE(alignment_loss(other.index_select(0, order),
                         strange.index_select(0, order),
                         tensor_of(some).index_select(0, order),
                         tensor_of(kWeights).index_select(0, order))
              .item<double>() == Approx(loss).epsilon(1e-12));
  const std::vector<bool> none(7, false);
  REQUIRE(alignment_loss(mean, reference, tensor_of(none), tensor_of(kWeights))
              .item<double>() == 0);
}

TEST_CASE("equal similarities cost nothing, and zero vectors give no NaN") {
  const at::Tensor mean = random_tensor({6, 3}, 1);
  const at::Tensor ones = at::ones({6}, doubles());
  REQUIRE(std::abs(alignment_loss(mean, 5 * mean, ones, ones).item<double>()) <
          1e-25);
  at::Tensor flat = random_tensor({6, 3}, 3);
  flat[2] = 0;
  flat.set_requires_grad(true);
  const at::Tensor loss = alignment_loss(flat, mean, ones, ones);
  loss.backward();
  REQUIRE(std::isfinite(loss.item<double>()));
  REQUIRE(at::isfinite(flat.grad()).all().item<bool>());
}

}  // namespace alignment_test
