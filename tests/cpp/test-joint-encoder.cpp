// The joint model of SAILERX, whose encoder also reads the reference.
#include <cmath>
#include <string>

#include "catch.h"
#include "core/models/sailer_model.h"
#include "torch_helpers.h"

namespace joint_encoder_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 8, kPeaks = 25, kConfounders = 2, kWidth = 3;

SailerOptions joint_options(Architecture architecture) {
  SailerOptions options = default_options(architecture, /*guided=*/true);
  options.n_latent = 3;
  options.hidden = {6, 4};
  options.alignment = 20;
  options.dropout = 0;
  options.joint = true;
  options.reference_dropout = 0.5;
  return options;
}

SailerModel make_model(const SailerOptions& options,
                       int64_t reference_width = kWidth) {
  const PeakLayout layout(options.architecture == Architecture::kChromosome
                              ? std::vector<int64_t>{9, 4, 12}
                              : std::vector<int64_t>{kPeaks});
  return SailerModel(options, layout, kConfounders, {}, 1, at::kCPU,
                     at::kDouble, reference_width);
}

// Cells 1 and 5 have no reference.
SparseBatch batch_without(bool references) {
  SparseBatch batch =
      batch_of(random_rows(kCells, kPeaks, 0.3, 2), kConfounders, 3);
  if (!references) return batch;
  at::Tensor values = random_tensor({kCells, kWidth}, 4);
  at::Tensor present = at::ones({kCells, 1}, doubles());
  for (int64_t cell : {1, 5}) {
    values[cell] = 0;
    present[cell] = 0;
  }
  batch.reference = values;
  batch.has_reference = batch.reference_weight = present.squeeze(1);
  return batch;
}

at::Tensor embed(const SailerModel& model, const SparseBatch& batch) {
  return model.encode(batch, /*training=*/false).mean;
}

const NamedTensor& reference_weight(SailerModel& model) {
  for (const NamedTensor& entry : model.parameters().parameters()) {
    if (entry.name == SailerModel::kReferenceWeight) return entry;
  }
  throw std::runtime_error("there is none");
}

}  // namespace

TEST_CASE("gradients of a joint model equal finite differences") {
  const SparseBatch batch = batch_without(true);
  for (Architecture a : {Architecture::kDense, Architecture::kChromosome}) {
    SailerModel model = make_model(joint_options(a));
    const auto loss = [&] {
      model.start_step(77);  // same noise, same hidden references
      return model.loss(batch, {0.7, false}).total;
    };
    for (const NamedTensor& entry : model.parameters().parameters()) {
      INFO(name_of(a) << " " << entry.name);
      REQUIRE(gradient_error(entry.tensor, loss, 5) < 5e-5);
    }
    REQUIRE(reference_weight(model).tensor.size(0) == kWidth + 1);
  }
}

TEST_CASE("a joint encoder reads the reference of cells that have one") {
  SailerModel model = make_model(joint_options(Architecture::kDense));
  const SparseBatch with = batch_without(true), without = batch_without(false);
  const at::Tensor a = embed(model, with), b = embed(model, without);
  for (int64_t cell = 0; cell < kCells; ++cell) {
    const bool absent = cell == 1 || cell == 5;
    INFO(cell);
    REQUIRE(at::equal(a[cell], b[cell]) == absent);
  }
  // By hand: one more linear map before the first BatchNorm, whose running
  // statistics are still 0 and 1. If its weight is zero, all cells are embedded
  // as if they had no reference.
  at::NoGradGuard no_grad;
  reference_weight(model).tensor.zero_();
  REQUIRE(at::equal(embed(model, with), b));
}

TEST_CASE("without `joint` the encoder only sees the open peaks") {
  SailerOptions options = joint_options(Architecture::kDense);
  options.joint = false;
  SailerModel model = make_model(options);
  REQUIRE(at::equal(embed(model, batch_without(true)),
                    embed(model, batch_without(false))));
  SailerModel plain = make_model(options, 0);
  REQUIRE(plain.parameters().parameters().size() ==
          model.parameters().parameters().size());
}

TEST_CASE("in training, references are hidden at the requested rate") {
  const SparseBatch batch = batch_without(true);
  const auto outputs = [&](double rate, uint64_t seed) {
    SailerOptions options = joint_options(Architecture::kDense);
    options.reference_dropout = rate;
    SailerModel model = make_model(options);
    model.start_step(seed);
    return model.encode(batch, /*training=*/true).mean;
  };
  // Never hidden: nothing is sampled and every step is the same.
  REQUIRE(at::equal(outputs(0, 1), outputs(0, 2)));
  REQUIRE(at::equal(outputs(0.5, 1), outputs(0.5, 1)));
  REQUIRE_FALSE(at::equal(outputs(0.5, 1), outputs(0.5, 2)));

  // Nearly always hidden: the same as without references.
  SailerOptions options = joint_options(Architecture::kDense);
  options.reference_dropout = 0.999999;
  SailerModel model = make_model(options);
  model.start_step(1);
  const at::Tensor hidden = model.encode(batch, true).mean;
  SailerModel same = make_model(options);
  REQUIRE(at::equal(same.encode(batch_without(false), true).mean, hidden));
}

TEST_CASE("invalid rates of hidden references are refused by name") {
  SailerOptions options;
  for (double share : {-0.1, 1.0, std::nan("")}) {
    options.reference_dropout = share;
    REQUIRE_THROWS_WITH(options.check(), contains("reference_dropout"));
  }
}

}  // namespace joint_encoder_test
