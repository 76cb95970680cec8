// The start of a model that is aligned with a reference.
#include <cmath>

#include "catch.h"
#include "core/linear/reference_map.h"
#include "core/support/error.h"
#include "core/training/warm_start.h"
#include "dense_oracles.h"
#include "stream_sources.h"
#include "torch_helpers.h"

namespace reference_start_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 90, kPeaks = 25, kWidth = 4, kLatent = 3;

SailerModel make_model(Architecture architecture, bool joint, bool warm = true,
                       int64_t n_latent = kLatent) {
  SailerOptions options = default_options(architecture, /*guided=*/true);
  options.n_latent = n_latent;
  options.hidden = {6, 5};
  options.joint = joint;
  options.warm_start = warm;
  std::vector<double> frequencies;
  for (int64_t p = 0; p < kPeaks; ++p) frequencies.push_back(0.02 * (p + 1));
  return SailerModel(options,
                     PeakLayout(architecture == Architecture::kDense
                                    ? std::vector<int64_t>{kPeaks}
                                    : std::vector<int64_t>{9, 4, 12}),
                     1, frequencies, 1, at::kCPU, at::kDouble, kWidth);
}

// Cells with a reference, which every fourth lacks.
struct Case {
  OpenPeaks peaks = random_peaks(kCells, kPeaks, 0.4);
  Reference reference;
  CellRows cells;
  SparseBatch batch;
  Split split{first_cells(kCells), {}};
  std::vector<float> weights;  // of the peaks
  ConfounderMatrix confounders;
  Lsi lsi;
  at::Tensor seen;  // [B, r + 1]

  Case() {
    cells.source = source_of_peaks(peaks, kPeaks);
    cells.n_columns = kPeaks;
    seen = at::cat(
        {random_tensor({kCells, kWidth}, 5), at::ones({kCells, 1}, doubles())},
        1);
    reference.width = kWidth;
    for (int64_t p = 0; p < kPeaks; ++p) {
      weights.push_back(static_cast<float>(std::log1p(1 / (0.02 * (p + 1)))));
    }
    std::vector<std::vector<int64_t>> rows;
    for (int64_t cell = 0; cell < kCells; ++cell) {
      rows.emplace_back(peaks[cell].begin(), peaks[cell].end());
      if (cell % 4 == 0) seen[cell] = 0;
      for (int64_t j = 0; j < kWidth; ++j) {
        reference.values.push_back(seen[cell][j].item<float>());
      }
      reference.present.push_back(cell % 4 == 0 ? 0.0f : 1.0f);
      reference.weight.push_back(1);
    }
    confounders = confounders_of_numbers(1, {});
    for (int64_t cell = 0; cell < kCells; ++cell) {
      confounders.numbers.push_back(0.1f * static_cast<float>(cell % 10));
    }
    lsi = *lsi_of(cells, split, confounders, weights, kLatent, true, 1);
    batch = batch_of(rows_of(rows), 1, 6);
    batch.reference = seen.slice(1, 0, kWidth);
    batch.has_reference = seen.select(1, kWidth);
    batch.reference_weight = at::ones({kCells}, doubles());
  }
};

at::Tensor embed(const SailerModel& model, const SparseBatch& batch) {
  return model.encode(batch, /*training=*/false).mean;
}

at::Tensor tensor_of(const std::vector<float>& x, int64_t width) {
  return at::tensor(x, doubles()).view({-1, width});
}

}  // namespace

TEST_CASE("the linear path adds the contribution of a cell's reference") {
  const Case data;
  for (Architecture a : {Architecture::kDense, Architecture::kChromosome}) {
    SailerModel model = make_model(a, /*joint=*/true);
    const at::Tensor before = embed(model, data.batch);
    const at::Tensor weight = random_tensor({kWidth + 1, kLatent}, 7);
    model.start_reference_path(weight);
    REQUIRE(at::allclose(embed(model, data.batch) - before,
                         at::mm(data.seen, weight)));
  }
}

TEST_CASE("models that read no reference refuse a reference path") {
  const at::Tensor weight = at::zeros({kWidth + 1, kLatent}, doubles());
  REQUIRE_THROWS_AS(
      make_model(Architecture::kDense, false).start_reference_path(weight),
      Error);
  REQUIRE_THROWS_AS(make_model(Architecture::kDense, true, /*warm=*/false)
                        .start_reference_path(weight),
                    Error);
}

TEST_CASE("an aligned model starts at the map of its reference") {
  const Case data;
  for (Architecture a : {Architecture::kDense, Architecture::kChromosome}) {
    for (const bool joint : {true, false}) {
      const int64_t latent = kWidth + 2;  // two from LSI
      SailerModel model = make_model(a, joint, /*warm=*/true, latent);
      REQUIRE(start_at_reference(model, data.cells, data.split, data.weights,
                                 data.reference, data.confounders, data.lsi));
      // A dense computation, from the definition of the scaled input.
      at::Tensor x = to_dense(data.batch.input, kPeaks, at::kDouble);
      for (int64_t p = 0; p < kPeaks; ++p) {
        x.select(1, p).mul_(data.weights[p]);
      }
      x = x / x.norm(2, {1}, /*keepdim=*/true);
      const auto map = reference_map(data.cells, data.weights, data.reference,
                                     data.confounders, data.lsi, latent);
      at::Tensor expected = at::mm(x, tensor_of(map->peaks.loadings, latent)) +
                            tensor_of(map->peaks.shift, latent);
      if (joint) {
        expected =
            expected + at::mm(data.seen, tensor_of(map->reference, latent));
      }
      // The contribution of the hidden layers is small.
      REQUIRE((embed(model, data.batch) - expected).abs().max().item<double>() <
              0.05);
      REQUIRE(expected.abs().max().item<double>() > 0.5);
    }
  }
}

TEST_CASE("a stopped start leaves the model unchanged") {
  Case data;
  SailerModel model = make_model(Architecture::kDense, true);
  const at::Tensor before = embed(model, data.batch);
  data.cells.cancelled = [] { return true; };
  REQUIRE_FALSE(start_at_reference(model, data.cells, data.split, data.weights,
                                   data.reference, data.confounders, data.lsi));
  REQUIRE(at::equal(embed(model, data.batch), before));
}

}  // namespace reference_start_test
