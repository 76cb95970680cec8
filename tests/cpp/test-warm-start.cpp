// The start of an encoder's linear path, and what is trained.
#include <cmath>

#include "catch.h"
#include "core/models/sailer_model.h"
#include "core/support/error.h"
#include "core/training/adam.h"
#include "core/training/warm_start.h"
#include "dense_oracles.h"
#include "stream_sources.h"
#include "torch_helpers.h"

namespace warm_start_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kPeaks = 25;

SailerModel make_model(Architecture architecture, InputScale scale,
                       bool warm = true) {
  SailerOptions options = default_options(architecture);
  options.n_latent = 3;
  options.hidden = {6, 4};
  options.input_scale = scale;
  options.warm_start = warm;
  options.dropout = 0;
  const std::vector<int64_t> sizes = architecture == Architecture::kDense
                                         ? std::vector<int64_t>{kPeaks}
                                         : std::vector<int64_t>{9, 4, 12};
  std::vector<double> frequencies;
  for (int64_t p = 0; p < kPeaks; ++p) frequencies.push_back(0.02 * (p + 1));
  return SailerModel(options, PeakLayout(sizes), 2, frequencies, 1, at::kCPU,
                     at::kDouble);
}

SparseBatch make_batch() {
  return batch_of(random_rows(8, kPeaks, 0.3, 2), 2, 3);
}

// The encoder's input as a dense matrix, from its definition.
at::Tensor scaled_input(const SparseBatch& batch, InputScale scale) {
  at::Tensor x = to_dense(batch.input, kPeaks, at::kDouble);
  if (scale == InputScale::kTfIdf) {
    for (int64_t p = 0; p < kPeaks; ++p) {
      x.select(1, p).mul_(std::log1p(1 / (0.02 * (p + 1))));
    }
  }
  return x / x.norm(2, {1}, /*keepdim=*/true);
}

}  // namespace

TEST_CASE("the linear path starts at its map of the scaled input") {
  const SparseBatch batch = make_batch();
  for (const Architecture a :
       {Architecture::kDense, Architecture::kChromosome}) {
    for (const InputScale scale : {InputScale::kL2, InputScale::kTfIdf}) {
      SailerModel model = make_model(a, scale);
      const at::Tensor loadings = at::rand({kPeaks, 3}, at::kDouble) - 0.5;
      const at::Tensor shift = at::rand({3}, at::kDouble);
      const auto hidden_part = [&] {
        // The contribution of the hidden layers, found with a path of zeros.
        SailerModel other = make_model(a, scale);
        other.start_linear_path(at::zeros({kPeaks, 3}, at::kDouble), shift,
                                shift);
        return other.encode(batch, false).mean - shift;
      }();
      model.start_linear_path(loadings, shift, shift);
      const at::Tensor expected =
          scaled_input(batch, scale).mm(loadings) + shift + hidden_part;
      REQUIRE(at::allclose(model.encode(batch, false).mean, expected));
      REQUIRE(hidden_part.abs().max().item<double>() < 0.05);
      const at::Tensor found = model.encode(batch, false).log_variance;
      REQUIRE((found - shift).abs().max().item<double>() < 0.3);
    }
  }
}

TEST_CASE("dimensions are the components with signal, fewer for few cells") {
  Lsi lsi;
  const auto chosen = [&](int64_t n_signal, int64_t n_cells) {
    lsi.n_signal = n_signal;
    return n_latent_for(lsi, n_cells);
  };
  REQUIRE(chosen(19, 7070) == 19);
  REQUIRE(chosen(2, 7070) == 8);
  REQUIRE(chosen(60, 7070) == 40);
  REQUIRE(chosen(40, 321) == 16);
  REQUIRE(chosen(9, 321) == 9);
  REQUIRE(chosen(40, 30) == 8);
  // In addition to those of a reference, at most 32.
  REQUIRE(n_latent_for(lsi, 30, 10) == 15);
  REQUIRE(n_latent_for(lsi, 30, 50) == 37);
  lsi.n_signal = 7;
  REQUIRE(n_latent_for(lsi, 7070, 50) == 39);
}

TEST_CASE("more components are examined than a model has dimensions") {
  CellRows cells;
  cells.source = source_of_peaks(random_peaks(60, kPeaks, 0.3), kPeaks);
  cells.n_columns = kPeaks;
  const auto lsi = lsi_of(cells, {first_cells(60), {}}, {},
                          std::vector<float>(kPeaks, 1), 3, false, 1);
  REQUIRE(lsi->n_components == kPeaks - 1);
}

TEST_CASE("a model without a linear path refuses a start") {
  SailerModel model =
      make_model(Architecture::kDense, InputScale::kTfIdf, /*warm=*/false);
  REQUIRE_THROWS_AS(model.start_linear_path(at::zeros({kPeaks, 3}, at::kDouble),
                                            at::zeros({3}, at::kDouble),
                                            at::zeros({3}, at::kDouble)),
                    Error);
}

TEST_CASE("a warm start needs a normalised input") {
  SailerOptions options;
  options.input_scale = InputScale::kNone;
  REQUIRE_THROWS_WITH(options.check(), contains("warm_start"));
  options.warm_start = false;
  REQUIRE_NOTHROW(options.check());
}

TEST_CASE("a frozen encoder does not change, except for its variance") {
  const SparseBatch batch = make_batch();
  for (const bool handed_out : {false, true}) {
    SailerModel model = make_model(Architecture::kDense, InputScale::kTfIdf);
    const auto before = model.parameters().state();
    Adam adam(model.parameters().parameters(), 1e-2);
    adam.begin_step(1e-2);
    SailerUpdates updates;
    if (handed_out) {
      updates = {adam.update_of(SailerModel::kInputWeight),
                 adam.update_of(SailerModel::kOutputWeight),
                 adam.update_of(SailerModel::kOutputBias)};
    }
    LossOptions options;
    options.encoder_frozen = true;
    model.loss(batch, options, handed_out ? &updates : nullptr)
        .total.backward();
    adam.finish_step();
    const auto after = model.parameters().state();
    for (size_t k = 0; k < before.size(); ++k) {
      const std::string& name = before[k].name;
      const bool running = name.find("norm.mean") != std::string::npos ||
                           name.find("norm.variance") != std::string::npos;
      if (running) continue;
      const bool still = name.rfind("encoder.", 0) == 0 &&
                         name.rfind("encoder.log_variance", 0) != 0;
      INFO(name);
      REQUIRE(at::equal(before[k].tensor, after[k].tensor) == still);
    }
  }
}

}  // namespace warm_start_test
