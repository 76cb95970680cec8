#include <algorithm>
#include <cmath>

#include "catch.h"
#include "core/models/peak_blocks.h"
#include "core/models/sparse_linear.h"
#include "core/support/cuda_driver.h"
#include "operations.h"
#include "reconstruction_case.h"

namespace reconstruction_device_test {

using namespace sailer;
using namespace sailer_test;

namespace {

ReconstructionOptions device_options() {
  ReconstructionOptions options;
  options.omega = 7;
  options.scale = 0.3;
  options.shift = -0.6;
  options.tensor_operations = true;
  return options;
}

std::vector<int64_t> offsets_of(const SparseRowsTensor& rows) {
  const int64_t* begin = rows.offsets.data_ptr<int64_t>();
  return {begin, begin + rows.n_cells() + 1};
}

const std::vector<int64_t> kThree = {7, 1, 130};
const std::vector<int64_t> kMany(24, 11);

}  // namespace

TEST_CASE("peaks are cut into padded blocks within their groups") {
  const PeakBlocks blocks =
      make_peak_blocks(PeakLayout({3, 100, 64}), at::kCPU);
  REQUIRE(blocks.width == 64);
  REQUIRE(blocks.n_blocks == 4);
  REQUIRE(
      at::equal(blocks.group_of_block, at::tensor({0, 1, 1, 2}, at::kLong)));
  // Every peak is in its slot, and all other slots are padding.
  REQUIRE(at::equal(blocks.peak_of_slot.index_select(0, blocks.slot_of_peak),
                    at::arange(167, at::kLong)));
  REQUIRE(blocks.padding.sum().item<int64_t>() == 4 * 64 - 167);
  REQUIRE_FALSE(
      blocks.padding.index_select(0, blocks.slot_of_peak).any().item<bool>());
  REQUIRE(at::equal(blocks.group_sums,
                    at::tensor({1., 0., 0., 0., 0., 1., 1., 0., 0., 0., 0., 1.})
                        .to(at::kDouble)
                        .view({3, 4})));
  REQUIRE(at::equal(blocks.group_starts, at::tensor({0, 3, 103}, at::kLong)));
}

TEST_CASE("blocks are kept only for the layouts used last") {
  const PeakLayout layout({5, 4});
  const auto holders = [](const PeakBlocks& blocks) {
    return blocks.peak_of_slot.use_count();
  };
  const PeakBlocks first = peak_blocks_of(layout, at::kCPU);
  REQUIRE(peak_blocks_of(layout, at::kCPU)
              .peak_of_slot.is_same(first.peak_of_slot));
  REQUIRE(holders(first) == 2);
  for (int64_t n = 1; n < static_cast<int64_t>(kKeptLayouts); ++n) {
    peak_blocks_of(PeakLayout({n, 7}), at::kCPU);
  }
  REQUIRE(holders(first) == 2);
  peak_blocks_of(PeakLayout({100, 7}), at::kCPU);
  REQUIRE(holders(first) == 1);
}

TEST_CASE("chunks of rows on a device give the dense loss and gradients") {
  const auto groups = GENERATE(std::vector<int64_t>{90}, kThree, kMany);
  // All cells at once, three at a time, or one at a time.
  const int64_t rows_at_once = GENERATE(7, 3, 0);
  const bool with_host_offsets = GENERATE(false, true);
  const ReconstructionCase c = reconstruction_case(groups, 7, 4, 0.15, 300);
  ReconstructionOptions options = device_options();
  const auto expected = loss_and_grads(c, c.dense(options));
  const std::vector<int64_t> offsets = offsets_of(c.rows);
  if (with_host_offsets) options.host_offsets = &offsets;
  options.max_values =
      rows_at_once * peak_blocks_of(c.layout, at::kCPU).n_slots();
  const auto found = loss_and_grads(c, c.loss(options));
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(at::allclose(found[k], expected[k], 1e-10, 1e-10));
  }
  at::NoGradGuard no_grad;
  REQUIRE(c.loss(options).item<double>() ==
          Approx(expected[0].item<double>()).epsilon(1e-12));
}

TEST_CASE("a device's loss holds at extreme logits in single precision") {
  const std::vector<double> logits = {-1e4, -200, -90, -20, 0,
                                      20,   90,   200, 1e4};
  const auto n = static_cast<int64_t>(logits.size());
  const auto floats = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor hidden = at::ones({1, 1}, floats).set_requires_grad(true);
  const at::Tensor weight =
      at::tensor(logits, at::kDouble).to(at::kFloat).unsqueeze(1);
  const at::Tensor bias = at::zeros({n}, floats);
  ReconstructionOptions options;
  options.omega = 5;
  options.tensor_operations = true;
  for (int64_t open = 0; open < n; ++open) {
    const at::Tensor found = reconstruction_loss(
        hidden, weight, bias, rows_of({{open}}), PeakLayout({n}), options);
    double expected = 0, slope = 0;
    for (int64_t p = 0; p < n; ++p) {
      const double a = logits[p], s = 1 / (1 + std::exp(-a));
      const double b = p == open ? -a : a;
      const double softplus =
          std::max(b, 0.0) + std::log1p(std::exp(-std::abs(b)));
      expected += (p == open ? 5 : 1) * softplus;
      slope += a * (p == open ? 5 * (s - 1) : s);
    }
    REQUIRE(found.item<double>() == Approx(expected).epsilon(1e-6));
    hidden.mutable_grad().reset();
    found.backward();
    REQUIRE(hidden.grad().item<double>() ==
            Approx(slope).epsilon(1e-6).margin(1e-5));
  }
}

TEST_CASE("small probabilities keep their relative precision on a device") {
  // 1 - (1 - s) would lose the digits of s = 1e-6.
  const ReconstructionCase c = [] {
    ReconstructionCase made = reconstruction_case({500}, 20, 4, 0.0, 310);
    at::NoGradGuard no_grad;
    made.weight.mul_(0.1);
    made.bias.fill_(-14);
    return made;
  }();
  ReconstructionOptions options;
  const auto expected = loss_and_grads(c, c.dense(options));
  options.tensor_operations = true;
  const ReconstructionCase single = c.to(at::kFloat);
  const auto found = loss_and_grads(single, single.loss(options));
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(relative_error(found[k], expected[k]) < 1e-5);
  }
}

TEST_CASE("products in bf16 stay within its rounding") {
  const auto groups = GENERATE(std::vector<int64_t>{600}, kThree);
  ReconstructionCase c =
      reconstruction_case(groups, 40, 16, 0.1, 320).to(at::kFloat);
  c.weight.detach().mul_(0.25);  // typical logits of a trained model
  ReconstructionOptions options = device_options();
  const auto expected = loss_and_grads(c, c.dense(options));
  options.precision = Precision::kBf16;
  const auto found = loss_and_grads(c, c.loss(options));
  REQUIRE(found[0].item<double>() ==
          Approx(expected[0].item<double>()).epsilon(2e-3));
  for (size_t k = 1; k < 4; ++k) {
    const double error = relative_error(found[k], expected[k]);
    // LibTorch 1.13 on the CPU even sums in bf16; cuBLAS sums in float.
    REQUIRE(error < 4e-2);
    REQUIRE(error > 1e-6);  // otherwise nothing was rounded
  }
}

TEST_CASE("a factor scales the gradients, unless it is promised to be 1") {
  const ReconstructionCase c = reconstruction_case(kThree, 4, 3, 0.2, 330);
  ReconstructionOptions options = device_options();
  const auto expected = loss_and_grads(c, c.loss(options));
  const auto tripled = loss_and_grads(c, 3 * c.loss(options));
  options.factor_is_one = true;
  const auto promised = loss_and_grads(c, c.loss(options));
  for (size_t k = 1; k < 4; ++k) {
    REQUIRE(at::allclose(tripled[k], 3 * expected[k], 1e-12, 1e-12));
    REQUIRE(at::equal(promised[k], expected[k]));
  }
}

TEST_CASE("the first layer ignores entries of weight 0") {
  const auto groups = GENERATE(std::vector<int64_t>{40}, kThree, kMany);
  const PeakLayout layout(groups);
  const SparseRowsTensor rows = random_rows(9, layout.n_peaks(), 0.3, 340);
  const at::Tensor keep =
      random_tensor({rows.indices.size(0)}, 341).gt(0).to(at::kDouble);
  // Only the kept entries, with the plain dense computation.
  std::vector<std::vector<int64_t>> kept(9);
  const std::vector<int64_t> offsets = offsets_of(rows);
  for (size_t i = 0; i < 9; ++i) {
    for (int64_t k = offsets[i]; k < offsets[i + 1]; ++k) {
      if (keep[k].item<double>() == 1) {
        kept[i].push_back(rows.indices[k].item<int64_t>());
      }
    }
  }
  at::Tensor weight = random_tensor({layout.n_peaks(), 5}, 342);
  weight.set_requires_grad(true);
  const at::Tensor upstream = random_tensor({9, layout.n_groups() * 5}, 343);
  const at::Tensor expected = sparse_linear_dense(
      to_dense(rows_of(kept), layout.n_peaks(), at::kDouble), weight, layout);
  (expected * upstream).sum().backward();
  const at::Tensor expected_grad = weight.grad().clone();
  weight.mutable_grad().reset();
  const at::Tensor found = sparse_linear_bags(rows, weight, layout, keep);
  (found * upstream).sum().backward();
  REQUIRE(at::allclose(found, expected, 1e-12, 1e-12));
  REQUIRE(at::allclose(weight.grad(), expected_grad, 1e-12, 1e-12));
}

TEST_CASE("a step of the two large layers never waits for the device") {
  const auto groups = GENERATE(std::vector<int64_t>{90}, kThree);
  const auto precision = GENERATE(Precision::kFloat32, Precision::kBf16);
  const ReconstructionCase c = reconstruction_case(groups, 7, 4, 0.15, 350);
  const std::vector<int64_t> offsets = offsets_of(c.rows);
  const at::Tensor keep = at::ones({c.rows.indices.size(0)}, doubles());
  ReconstructionOptions options = device_options();
  options.precision = precision;
  options.factor_is_one = true;
  options.host_offsets = &offsets;
  options.max_values = GENERATE(int64_t{1} << 27, int64_t{100});
  const auto step = [&] {
    const at::Tensor input =
        sparse_linear_bags(c.rows, c.weight, c.layout, keep);
    (c.loss(options) + input.sum()).backward();
  };
  step();  // buffers that are kept between calls are made once
  REQUIRE(waits_of(step) == std::vector<std::string>{});
  // waits_of() does detect this wait.
  REQUIRE(waits_of([&] { c.loss(options).item<double>(); }).size() > 0);
}

TEST_CASE("chromosomes do not add operations") {
  const auto count = [](const std::vector<int64_t>& groups) {
    const ReconstructionCase c = reconstruction_case(groups, 5, 4, 0.1, 360);
    ReconstructionOptions options = device_options();
    options.factor_is_one = true;
    c.loss(options);
    const auto all = operations_of([&] { c.loss(options).backward(); });
    return std::count_if(all.begin(), all.end(),
                         [](const Operation& one) { return one.depth == 0; });
  };
  REQUIRE(count(kThree) == count(kMany));
}

TEST_CASE("without a CUDA device there is no CUDA capability") {
  REQUIRE(cuda_capability(at::kCPU) == 0);
  // An index beyond any machine's devices, which a driver, if present, rejects.
  REQUIRE(cuda_capability(at::Device(at::kCUDA, 120)) == 0);
}

}  // namespace reconstruction_device_test
