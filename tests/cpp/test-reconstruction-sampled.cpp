#include <ATen/Parallel.h>

#include <cmath>
#include <map>

#include "catch.h"
#include "core/models/reconstruction_sampled.h"
#include "core/support/shuffle.h"
#include "operations.h"
#include "reconstruction_case.h"

using namespace sailer;
using namespace sailer_test;

namespace {

ReconstructionOptions some_options(bool as_on_a_gpu) {
  ReconstructionOptions options;
  options.omega = 4;
  options.scale = 0.25;
  options.shift = -0.3;
  options.tensor_operations = as_on_a_gpu;
  return options;
}

std::vector<int64_t> all_peaks(const ReconstructionCase& c) {
  std::vector<int64_t> peaks;
  for (int64_t p = 0; p < c.layout.n_peaks(); ++p) peaks.push_back(p);
  return peaks;
}

// Moments as in the midst of a training.
AdamUpdate some_update(const at::Tensor& parameter, uint64_t seed) {
  AdamUpdate update;
  const at::ScalarType type = parameter.scalar_type();
  update.first = random_tensor(parameter.sizes(), seed).to(type);
  update.second = random_tensor(parameter.sizes(), seed + 1).to(type).abs();
  update.coefficients.weight_decay = 0.01;
  update.coefficients.step_size = 0.1;
  return update;
}

OutputUpdates some_updates(const ReconstructionCase& c, uint64_t seed) {
  return {some_update(c.weight, seed), some_update(c.bias, seed + 2)};
}

// Moves a parameter by its gradient after the fact.
void move(const at::Tensor& parameter, const AdamUpdate& update) {
  kernels::adam_step(
      parameter.data_ptr<float>(), parameter.grad().data_ptr<float>(),
      update.first.data_ptr<float>(), update.second.data_ptr<float>(),
      parameter.numel(), update.coefficients);
}

}  // namespace

TEST_CASE("with all peaks sampled the estimate is the exact loss") {
  const auto groups =
      GENERATE(std::vector<int64_t>{40}, std::vector<int64_t>{7, 1, 30},
               std::vector<int64_t>{2500, 700});
  const bool as_on_a_gpu = GENERATE(false, true);
  const ReconstructionCase c = reconstruction_case(groups, 6, 4, 0.1, 200);
  ReconstructionOptions options = some_options(as_on_a_gpu);
  const auto expected = loss_and_grads(c, c.dense(options));
  const std::vector<int64_t> peaks = all_peaks(c);
  options.sampled_peaks = &peaks;
  const auto found = loss_and_grads(c, c.loss(options));
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(at::allclose(found[k], expected[k], 1e-10, 1e-10));
  }
  at::NoGradGuard no_grad;
  REQUIRE(c.loss(options).item<double>() ==
          Approx(expected[0].item<double>()).epsilon(1e-12));
}

TEST_CASE("the mean over all sets of peaks is the exact loss and gradients") {
  const auto groups =
      GENERATE(std::vector<int64_t>{7}, std::vector<int64_t>{2, 1, 4});
  const bool as_on_a_gpu = GENERATE(false, true);
  const ReconstructionCase c = reconstruction_case(groups, 5, 3, 0.4, 210);
  ReconstructionOptions options = some_options(as_on_a_gpu);
  const auto expected = loss_and_grads(c, c.dense(options));
  std::vector<at::Tensor> mean;
  int n_sets = 0;
  for (int set = 0; set < 1 << 7; ++set) {
    std::vector<int64_t> peaks;
    for (int64_t p = 0; p < 7; ++p) {
      if (set >> p & 1) peaks.push_back(p);
    }
    if (peaks.size() != 3) continue;
    ++n_sets;
    options.sampled_peaks = &peaks;
    const auto found = loss_and_grads(c, c.loss(options));
    if (mean.empty()) {
      // One set alone is off: the mean has something to mend.
      REQUIRE_FALSE(at::allclose(found[2], expected[2], 1e-3, 1e-3));
      mean = found;
    } else {
      for (size_t k = 0; k < 4; ++k) mean[k] += found[k];
    }
  }
  REQUIRE(n_sets == 35);
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(at::allclose(mean[k] / n_sets, expected[k], 1e-11, 1e-11));
  }
}

TEST_CASE("drawn sets give the exact loss and gradients on average") {
  const ReconstructionCase c = reconstruction_case({40, 20}, 8, 3, 0.1, 220);
  ReconstructionOptions options = some_options(false);
  const auto expected = loss_and_grads(c, c.dense(options));
  const int n_draws = 3000;
  std::vector<at::Tensor> sums(4), squares(4);
  for (int draw = 0; draw < n_draws; ++draw) {
    const std::vector<int64_t> peaks =
        sample_peaks(60, 0.1, derive_seed(9, static_cast<uint64_t>(draw)));
    options.sampled_peaks = &peaks;
    const auto found = loss_and_grads(c, c.loss(options));
    for (size_t k = 0; k < 4; ++k) {
      const at::Tensor off = found[k] - expected[k];
      sums[k] = draw == 0 ? off : sums[k] + off;
      squares[k] = draw == 0 ? off * off : squares[k] + off * off;
    }
  }
  for (size_t k = 0; k < 4; ++k) {
    // In standard errors of the mean; the largest of some 300 numbers.
    const at::Tensor error = (squares[k] / n_draws).sqrt() / std::sqrt(n_draws);
    REQUIRE(error.min().item<double>() > 0);
    const at::Tensor off = (sums[k] / n_draws).abs() / error;
    REQUIRE(off.max().item<double>() < 4.5);
  }
}

TEST_CASE("the two computations of the estimate agree") {
  const auto groups = GENERATE(std::vector<int64_t>{300},
                               std::vector<int64_t>{100, 3, 150, 47});
  const double share = GENERATE(0.001, 0.05, 0.4);
  const ReconstructionCase c = reconstruction_case(groups, 9, 5, 0.05, 230);
  ReconstructionOptions options = some_options(false);
  const std::vector<int64_t> peaks = sample_peaks(300, share, 5);
  options.sampled_peaks = &peaks;
  const auto expected = loss_and_grads(c, c.loss(options));
  options.tensor_operations = true;
  options.max_values = GENERATE(int64_t{1} << 27, int64_t{600});
  const auto found = loss_and_grads(c, c.loss(options));
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(at::allclose(found[k], expected[k], 1e-10, 1e-10));
  }
}

TEST_CASE("the estimate in single precision stays close to double") {
  const ReconstructionCase c = reconstruction_case({3000}, 8, 16, 0.02, 240);
  ReconstructionOptions options = some_options(false);
  const std::vector<int64_t> peaks = sample_peaks(3000, 0.1, 6);
  options.sampled_peaks = &peaks;
  const auto expected = loss_and_grads(c, c.loss(options));
  const ReconstructionCase single = c.to(at::kFloat);
  options.tensor_operations = GENERATE(false, true);
  const auto found = loss_and_grads(single, single.loss(options));
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(relative_error(found[k], expected[k]) < 1e-5);
  }
}

TEST_CASE("parameters moved in the same pass are moved to the same bits") {
  const auto groups =
      GENERATE(std::vector<int64_t>{700}, std::vector<int64_t>{300, 5, 395});
  const ReconstructionCase c =
      reconstruction_case(groups, 6, 12, 0.01, 250).to(at::kFloat);
  ReconstructionOptions options = some_options(false);
  const std::vector<int64_t> peaks = sample_peaks(700, 0.1, 7);
  options.sampled_peaks = &peaks;
  const OutputUpdates updates = some_updates(c, 251);
  const OutputUpdates apart = some_updates(c, 251);
  const ReconstructionCase moved = c.to(at::kFloat);
  const at::Tensor before = c.weight.detach().clone();

  c.loss(options).backward();
  move(c.weight, apart.weight);
  move(c.bias, apart.bias);
  moved.loss(options, &updates).backward();

  REQUIRE_FALSE(moved.weight.grad().defined());
  REQUIRE_FALSE(moved.bias.grad().defined());
  REQUIRE(at::equal(moved.hidden.grad(), c.hidden.grad()));
  REQUIRE(at::equal(moved.weight.detach(), c.weight.detach()));
  REQUIRE(at::equal(moved.bias.detach(), c.bias.detach()));
  REQUIRE(at::equal(updates.weight.first, apart.weight.first));
  REQUIRE(at::equal(updates.weight.second, apart.weight.second));
  REQUIRE(at::equal(updates.bias.first, apart.bias.first));
  // Rows that have no gradient at all move too.
  REQUIRE((c.weight.grad().abs().sum(1) == 0).any().item<bool>());
  REQUIRE(before.ne(c.weight.detach()).any(1).all().item<bool>());
}

TEST_CASE("what is not finite is not moved") {
  const ReconstructionCase c =
      reconstruction_case({300}, 6, 4, 0.1, 255).to(at::kFloat);
  c.hidden.detach()[2][1] = std::nanf("");
  const ReconstructionCase before = c.to(at::kFloat);
  const OutputUpdates updates = some_updates(c, 256);
  ReconstructionOptions options = some_options(false);
  const std::vector<int64_t> peaks = sample_peaks(300, 0.1, 7);
  options.sampled_peaks = &peaks;
  REQUIRE_THROWS_WITH(c.loss(options, &updates), contains("finite"));
  REQUIRE(at::equal(c.weight.detach(), before.weight.detach()));
  REQUIRE(at::equal(c.bias.detach(), before.bias.detach()));
}

TEST_CASE("threads change no bit of the estimate") {
  const ReconstructionCase c =
      reconstruction_case({900, 1200}, 12, 16, 0.05, 260).to(at::kFloat);
  ReconstructionOptions options = some_options(false);
  const std::vector<int64_t> peaks = sample_peaks(2100, 0.1, 8);
  options.sampled_peaks = &peaks;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto expected = loss_and_grads(c, c.loss(options));
  at::set_num_threads(3);
  const auto found = loss_and_grads(c, c.loss(options));
  at::set_num_threads(threads);
  for (size_t k = 0; k < 4; ++k) REQUIRE(at::equal(found[k], expected[k]));
}

TEST_CASE("the estimate never waits for the device") {
  const ReconstructionCase c = reconstruction_case({30, 60}, 7, 4, 0.15, 270);
  ReconstructionOptions options = some_options(true);
  const std::vector<int64_t> peaks = sample_peaks(90, 0.2, 9);
  options.sampled_peaks = &peaks;
  options.factor_is_one = true;
  const auto step = [&] { c.loss(options).backward(); };
  step();
  REQUIRE(waits_of(step) == std::vector<std::string>{});
}

TEST_CASE("peaks are drawn without replacement, in order, as many as asked") {
  for (const double share : {1e-9, 0.05, 0.5, 1.0}) {
    const std::vector<int64_t> peaks = sample_peaks(130, share, 3);
    REQUIRE(static_cast<double>(peaks.size()) ==
            std::max(1.0, std::round(share * 130)));
    REQUIRE(std::is_sorted(peaks.begin(), peaks.end()));
    REQUIRE(std::adjacent_find(peaks.begin(), peaks.end()) == peaks.end());
    REQUIRE(peaks.front() >= 0);
    REQUIRE(peaks.back() < 130);
    REQUIRE(peaks == sample_peaks(130, share, 3));
  }
  REQUIRE(sample_peaks(130, 0.05, 3) != sample_peaks(130, 0.05, 4));
}

TEST_CASE("every set of peaks is equally likely") {
  std::map<std::vector<int64_t>, int> counts;
  const int n_draws = 20000;
  for (int draw = 0; draw < n_draws; ++draw) {
    ++counts[sample_peaks(5, 0.4, derive_seed(1, static_cast<uint64_t>(draw)))];
  }
  REQUIRE(counts.size() == 10);
  double chi_squared = 0;
  for (const auto& entry : counts) {
    const double off = entry.second - n_draws / 10.0;
    chi_squared += off * off / (n_draws / 10.0);
  }
  REQUIRE(chi_squared < 27.9);  // 0.999 quantile at 9 degrees of freedom
}

TEST_CASE("the sampled peaks keep their groups, which may be empty") {
  const PeakLayout layout =
      layout_of_sample({0, 2, 3, 11}, PeakLayout({3, 2, 4, 3}));
  REQUIRE(layout.sizes() == std::vector<int64_t>{2, 1, 0, 1});
}
