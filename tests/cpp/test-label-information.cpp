#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "catch.h"
#include "core/models/label_information.h"
#include "torch_helpers.h"

namespace label_information_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 23, kDims = 3;

// One-hot columns of two variables, of 3 and 2 levels.
at::Tensor two_labels(int64_t n) {
  const at::Tensor out = at::zeros({n, 5}, at::kDouble);
  for (int64_t i = 0; i < n; ++i) {
    out[i][i * i % 3].fill_(1);
    out[i][3 + (i / 2) % 2].fill_(1);
  }
  return out;
}

// Cell by cell as documented in the header, with LibTorch's autograd.
at::Tensor plain_information(const at::Tensor& z, const at::Tensor& labels) {
  const int64_t n = z.size(0);
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<int64_t> rest;
    for (int64_t j = 0; j < n; ++j) {
      if (j != i) rest.push_back(j);
    }
    const at::Tensor others = at::tensor(rest);
    const at::Tensor distance =
        (z.index_select(0, others) - z[i]).square().sum(1);
    const double nearest =
        std::get<0>(distance.detach().sort())[std::min<int64_t>(4, n - 2)]
            .item<double>();
    const at::Tensor w = at::softmax(-2 * distance / nearest, 0);
    const at::Tensor known = labels.index_select(0, others);
    at::Tensor value = at::zeros({}, z.options());
    for (int64_t b = 0; b < labels.size(1); ++b) {
      const at::Tensor p = w.dot(known.select(1, b));
      const double share = known.select(1, b).mean().item<double>();
      if (share == 0) continue;
      const double variance = share * (1 - share);
      if (p.item<double>() > 0) value = value + p * at::log(p / share);
      value = value - 0.5 * w.square().sum() * variance / share;
    }
    out.push_back(value);
  }
  return at::stack(out);
}

at::Tensor gradient_of(const at::Tensor& loss, const at::Tensor& z) {
  loss.backward();
  at::Tensor out = z.grad().clone();
  z.mutable_grad() = at::Tensor();
  return out;
}

}  // namespace

TEST_CASE("label information and its gradient equal the plain form") {
  const at::Tensor z =
      random_tensor({kCells, kDims}, 1).set_requires_grad(true);
  const at::Tensor labels = two_labels(kCells);
  const at::Tensor weight = random_tensor({kCells}, 2);
  const at::Tensor expected = plain_information(z, labels);
  const at::Tensor found = label_information(z, z, labels);
  REQUIRE(at::allclose(found, expected, 1e-9, 1e-9));
  const at::Tensor gradient = gradient_of(expected.dot(weight), z);
  REQUIRE(gradient.abs().max().item<double>() > 0.01);
  REQUIRE(
      at::allclose(gradient_of(found.dot(weight), z), gradient, 1e-9, 1e-9));
  // Parts of the minibatch add up to the whole.
  at::Tensor sum = at::zeros({}, z.options());
  for (const auto& [first, n] : {std::pair<int64_t, int64_t>{0, 9}, {9, 14}}) {
    const BatchPart part{nullptr, first, n, kCells};
    const at::Tensor own =
        label_information(z.narrow(0, first, n), z, labels, part);
    REQUIRE(at::allclose(own, expected.narrow(0, first, n), 1e-9, 1e-9));
    sum = sum + own.dot(weight.narrow(0, first, n));
  }
  REQUIRE(at::allclose(gradient_of(sum, z), gradient, 1e-9, 1e-9));
}

TEST_CASE("information is full for separate labels, none for random ones") {
  constexpr int64_t n = 300;
  const at::Tensor labels = labels_in_turn(n, 3);
  const at::Tensor z = random_tensor({n, 8}, 3);
  REQUIRE(std::abs(label_information(z, z, labels).mean().item<double>()) <
          0.1);
  const at::Tensor apart = z + 100 * at::cat({labels, at::zeros({n, 5})}, 1);
  REQUIRE(label_information(apart, apart, labels).mean().item<double>() ==
          Approx(std::log(3)).epsilon(0.2));
}

TEST_CASE("coinciding cells, and two cells, have finite information") {
  for (const int64_t n : {2, 12}) {
    const at::Tensor z = at::ones({n, kDims}, at::kDouble);
    z.set_requires_grad(true);
    const at::Tensor loss = label_information(z, z, two_labels(n)).sum();
    REQUIRE(std::isfinite(loss.item<double>()));
    REQUIRE(gradient_of(loss, z).isfinite().all().item<bool>());
  }
}

}  // namespace label_information_test
