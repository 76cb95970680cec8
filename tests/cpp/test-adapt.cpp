#include "core/training/adapt.h"

#include <cmath>
#include <memory>

#include "catch.h"
#include "core/support/error.h"
#include "dense_oracles.h"
#include "stream_sources.h"
#include "torch_helpers.h"
#include "trainer_helpers.h"

namespace adapt_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// Columns of c: depth, a label of three levels, a number.
constexpr int64_t kKnown = 5, kFirst = 1, kWidth = 3;

SailerOptions options_of(Architecture architecture, Decoder decoder) {
  SailerOptions options = default_options(architecture);
  options.n_latent = 3;
  options.hidden = {6, 4};
  options.decoder = decoder;
  options.omega = 3;
  options.dropout = 0.4;  // must have no effect
  return options;
}

SailerModel model_of(const SailerOptions& options,
                     at::ScalarType type = at::kDouble) {
  const bool chromosomes = options.architecture == Architecture::kChromosome;
  const std::vector<int64_t> sizes =
      chromosomes ? std::vector<int64_t>{9, 4, 12} : std::vector<int64_t>{25};
  return SailerModel(options, PeakLayout(sizes), kKnown, {}, 1, at::kCPU, type);
}

std::vector<SailerOptions> variants() {
  return {options_of(Architecture::kDense, Decoder::kMirrored),
          options_of(Architecture::kDense, Decoder::kLinear),
          options_of(Architecture::kChromosome, Decoder::kMirrored)};
}

// Computed from all logits at once with the plain Bernoulli likelihood.
double dense_loss(const SailerModel& model, const SparseBatch& batch,
                  const at::Tensor& vector) {
  at::NoGradGuard no_grad;
  at::Tensor c = batch.confounders.clone();
  for (int64_t k = 0; k < kWidth; ++k) c.select(1, kFirst + k) = vector[k];
  const at::Tensor hidden =
      model.decode_hidden(model.encode(batch, false).mean, c, false);
  const at::Tensor logits =
      dense_logits(hidden, model.output_weight(), model.output_bias(),
                   model.output_layout());
  const at::Tensor odds = at::exp(logits) / model.options().omega;
  const at::Tensor p = odds / (1 + odds);
  const at::Tensor x = to_dense(batch.target, p.size(1), p.scalar_type());
  const at::Tensor likelihood = x * p.log() + (1 - x) * (1 - p).log();
  return -likelihood.sum(1).mean().item<double>();
}

}  // namespace

TEST_CASE("the loss of a label and its gradient match the dense likelihood",
          "[adapt]") {
  const SparseBatch batch = batch_of(random_rows(8, 25, 0.3, 2), kKnown, 3);
  for (const SailerOptions& options : variants()) {
    const SailerModel model = model_of(options);
    at::Tensor vector = random_tensor({kWidth}, 9);
    const double expected = dense_loss(model, batch, vector);
    REQUIRE(label_loss(model, batch, kFirst, vector).item<double>() ==
            Approx(expected).epsilon(1e-10));
    vector.set_requires_grad(true);
    REQUIRE(gradient_error(vector, [&] {
              return label_loss(model, batch, kFirst, vector);
            }) < 1e-7);
    // Compare the gradient with finite differences of the dense likelihood,
    // too.
    vector.mutable_grad().reset();
    label_loss(model, batch, kFirst, vector).backward();
    const at::Tensor gradient = vector.grad().clone();
    for (int64_t k = 0; k < kWidth; ++k) {
      at::Tensor above = vector.detach().clone();
      at::Tensor below = above.clone();
      above[k] += 1e-5;
      below[k] -= 1e-5;
      const double slope =
          (dense_loss(model, batch, above) - dense_loss(model, batch, below)) /
          2e-5;
      REQUIRE(gradient[k].item<double>() == Approx(slope).margin(1e-7));
    }
  }
}

namespace {

// The cells of two_types() and a model trained on them with an uninformative
// label of two levels.
struct Trained {
  Trained()
      : model(small_model(), PeakLayout({kPeaks}), 3, {}, 1),
        stream(make_stream()) {
    TrainOptions options = short_training();
    options.validation = 0;
    const Split split = split_cells(kCells, 0, 1);
    SailerTask task(model, stream, split, options);
    Trainer trainer(task, task.options().run());
    Monitor silent;
    trainer.run(silent);
    stream.set_thinning({});
  }

  static BatchStream make_stream() {
    ConfounderMatrix c = confounders_of_numbers(3, {});
    for (int64_t i = 0; i < kCells; ++i) {
      c.numbers.insert(c.numbers.end(),
                       {0, i % 3 ? 1.f : 0.f, i % 3 ? 0.f : 1.f});
    }
    StreamOptions options;
    options.batch_size = 20;
    return BatchStream(two_types(), all_places(kPeaks), c, options);
  }

  SailerModel model;
  BatchStream stream;
};

}  // namespace

TEST_CASE("likelihoods of several label vectors are means over the cells",
          "[adapt]") {
  Trained trained;
  const at::Tensor vectors =
      at::tensor({1., 0., 0., 1., .3, 2.}, at::kFloat).view({3, 2});
  const std::vector<int64_t> cells = odd_order(kCells);
  Monitor silent;
  const std::vector<double> found = label_likelihoods(
      trained.model, trained.stream, cells, 1, vectors, silent);
  REQUIRE(found.size() == 3);
  trained.stream.set_batch_size(kCells);
  trained.stream.start(cells, 0);
  SparseBatch batch;
  REQUIRE(trained.stream.next(batch));
  for (int64_t k = 0; k < 3; ++k) {
    const double whole =
        label_loss(trained.model, batch, 1, vectors[k]).item<double>();
    REQUIRE(found[k] == Approx(-whole).epsilon(1e-5));
  }
  Stopper stopper(0);
  REQUIRE(label_likelihoods(trained.model, trained.stream, cells, 1, vectors,
                            stopper)
              .empty());
}

TEST_CASE(
    "a learned label vector fits held-out cells, and the model is unchanged",
    "[adapt]") {
  Trained trained;
  const std::vector<NamedTensor> before = trained.model.parameters().state();
  std::vector<int64_t> training, held_out;
  for (int64_t i = 0; i < kCells; ++i) {
    (i % 4 == 0 ? held_out : training).push_back(i);
  }
  Monitor silent;
  // Start from a vector that is far off.
  const std::vector<double> start{4, -3};
  const Adapted found = adapt_label(trained.model, trained.stream, training,
                                    held_out, 1, start, {}, silent);
  REQUIRE(found.history.size() > 1);
  REQUIRE(found.likelihood > found.history[0] + 0.1);
  REQUIRE(found.vector != start);
  const at::Tensor vector = at::tensor(found.vector, at::kFloat).unsqueeze(0);
  REQUIRE(label_likelihoods(trained.model, trained.stream, held_out, 1, vector,
                            silent)[0] ==
          Approx(found.likelihood).epsilon(1e-6));
  REQUIRE(same_bits(before, trained.model.parameters().state()));
  for (const NamedTensor& entry : trained.model.parameters().parameters()) {
    REQUIRE_FALSE(entry.tensor.grad().defined());
  }
  // A repeated call gives the same vector, and a stop is reported.
  const Adapted again = adapt_label(trained.model, trained.stream, training,
                                    held_out, 1, start, {}, silent);
  REQUIRE(again.vector == found.vector);
  Stopper stopper(6);
  const Adapted stopped = adapt_label(trained.model, trained.stream, training,
                                      held_out, 1, start, {}, stopper);
  REQUIRE(stopped.stopped);
}

TEST_CASE("a vector cannot be learned without cells", "[adapt]") {
  Trained trained;
  Stopper stopper(20);  // otherwise it would never end
  const std::vector<int64_t> some{0, 1, 2}, nobody;
  const auto learn = [&](const std::vector<int64_t>& training,
                         const std::vector<int64_t>& held_out) {
    adapt_label(trained.model, trained.stream, training, held_out, 1, {0, 0},
                {}, stopper);
  };
  REQUIRE_THROWS_WITH(learn(nobody, some), contains("cells to learn from"));
  REQUIRE_THROWS_WITH(learn(some, nobody), contains("choose"));
}

TEST_CASE("labels that the decoder does not read are refused", "[adapt]") {
  const SailerModel model = model_of(variants()[0]);
  const SparseBatch batch = batch_of(random_rows(2, 25, 0.3, 2), kKnown, 3);
  REQUIRE_THROWS_AS(label_loss(model, batch, 3, random_tensor({3}, 1)), Error);
  REQUIRE_THROWS_AS(label_loss(model, batch, -1, random_tensor({3}, 1)), Error);
  AdaptOptions options;
  options.patience = 0;
  REQUIRE_THROWS_AS(options.check(), Error);
}

}  // namespace adapt_test
