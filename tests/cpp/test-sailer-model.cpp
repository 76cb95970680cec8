#include <algorithm>
#include <cmath>

#include "catch.h"
#include "core/models/divergence.h"
#include "core/models/reconstruction.h"
#include "core/models/sailer_model.h"
#include "core/support/error.h"
#include "core/training/adam.h"
#include "plain_sailer.h"
#include "torch_helpers.h"

namespace sailer_model_test {
using namespace sailer;
using namespace sailer_test;
namespace {

constexpr int64_t kConfounders = 2;

SailerOptions small(Architecture architecture) {
  SailerOptions options = default_options(architecture);
  options.n_latent = 3;
  options.hidden = {6, 4};
  options.decoder = Decoder::kMirrored;
  options.marginal = Marginal::kPairwise;
  options.input_scale = InputScale::kNone;
  options.warm_start = false;
  options.dropout = 0;
  options.thinning = {0, 0};
  options.beta = 1;
  return options;
}

PeakLayout layout_of(const SailerOptions& options) {
  return PeakLayout(options.architecture == Architecture::kChromosome
                        ? std::vector<int64_t>{9, 4, 12}
                        : std::vector<int64_t>{25});
}

SailerModel make_model(const SailerOptions& options, uint64_t seed = 1) {
  return SailerModel(options, layout_of(options), kConfounders, {}, seed,
                     at::kCPU, at::kDouble);
}

at::Tensor logits_of(const SailerModel& model, const at::Tensor& hidden) {
  return dense_logits(hidden, model.output_weight(), model.output_bias(),
                      model.output_layout());
}

SparseBatch make_batch() {
  return batch_of(random_rows(8, 25, 0.3, 2), kConfounders, 3);
}

std::vector<SailerOptions> variants() {
  std::vector<SailerOptions> all;
  for (Architecture a : {Architecture::kDense, Architecture::kChromosome}) {
    SailerOptions options = small(a);
    all.push_back(options);
    options.decoder = Decoder::kLinear;
    options.marginal = Marginal::kMixture;
    options.input_scale = InputScale::kL2;
    options.omega = 4;
    options.lambda = 2.5;
    all.push_back(options);
    options.hidden = {5};
    options.decoder = Decoder::kMirrored;
    options.marginal = Marginal::kNone;
    all.push_back(options);
    options.input_scale = InputScale::kTfIdf;
    options.warm_start = true;
    all.push_back(options);
  }
  return all;
}

}  // namespace

TEST_CASE("gradients of the objective equal finite differences") {
  const SparseBatch batch = make_batch();
  for (const SailerOptions& options : variants()) {
    SailerModel model = make_model(options);
    const auto loss = [&] {
      model.generator().set_current_seed(77);  // same noise each time
      return model.loss(batch, {0.7, false}).total;
    };
    for (const NamedTensor& entry : model.parameters().parameters()) {
      INFO(name_of(options.architecture) << " " << entry.name);
      REQUIRE(gradient_error(entry.tensor, loss, 5) < 2e-5);
    }
  }
}

TEST_CASE("the objective is the weighted sum of its parts") {
  SparseBatch batch = make_batch();
  batch.labels = labels_in_turn(8, 2);
  for (const SailerOptions& options : variants()) {
    SailerModel model = make_model(options);
    const double beta = 0.6;
    const SailerLoss loss = model.loss(batch, {beta, false});
    const double expected =
        beta * loss.kl.item<double>() +
        beta * options.lambda * loss.marginal.item<double>() +
        options.mixing * loss.mixing.item<double>() +
        (1 + options.lambda) * loss.reconstruction.item<double>();
    REQUIRE(std::abs(loss.mixing.item<double>()) > 1e-3);
    // It is 0 while the encoder is frozen, and if z is not sampled.
    for (const LossOptions& still :
         {LossOptions{beta, true, false}, LossOptions{beta, false, true}}) {
      REQUIRE(model.loss(batch, still).mixing.item<double>() == 0);
    }
    REQUIRE(loss.total.item<double>() == Approx(expected).epsilon(1e-10));
    REQUIRE(loss.kl.item<double>() > 0);
    if (options.marginal == Marginal::kPairwise) {
      REQUIRE(loss.marginal.item<double>() > 0);
    }
  }
}

TEST_CASE("the warm-up has neither noise nor KL") {
  SailerModel model = make_model(small(Architecture::kDense));
  const SparseBatch batch = make_batch();
  const SailerLoss first = model.loss(batch, {0.5, true});
  const SailerLoss second = model.loss(batch, {0.5, true});
  REQUIRE(first.total.item<double>() == second.total.item<double>());
  REQUIRE(first.total.item<double>() ==
          Approx(2 * first.reconstruction.item<double>()).epsilon(1e-12));
}

TEST_CASE("the evaluation is the plain likelihood, with omega divided out") {
  SailerOptions options = small(Architecture::kDense);
  options.omega = 6;
  const SailerModel model = make_model(options);
  const SparseBatch batch = make_batch();
  const Posterior posterior = model.encode(batch, false);
  const at::Tensor hidden =
      model.decode_hidden(posterior.mean, batch.confounders, false);
  const at::Tensor logits = logits_of(model, hidden);
  // p / (1 - p) is the decoder's odds divided by omega.
  const at::Tensor odds = at::exp(logits) / options.omega;
  const at::Tensor p = odds / (1 + odds);
  double expected = 0;
  const int64_t* offsets = batch.target.offsets.data_ptr<int64_t>();
  const int64_t* indices = batch.target.indices.data_ptr<int64_t>();
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t k = 0; k < 25; ++k) {
      const bool open =
          std::find(indices + offsets[i], indices + offsets[i + 1], k) !=
          indices + offsets[i + 1];
      const double share = p[i][k].item<double>();
      expected += std::log(open ? share : 1 - share) / 8;
    }
  }
  const SailerModel::Evaluation found =
      model.evaluate(batch, make_generator(at::kCPU, 5));
  REQUIRE(found.log_likelihood == Approx(expected).epsilon(1e-9));
  REQUIRE(found.kl == Approx(kl_to_prior(posterior.mean, posterior.log_variance)
                                 .mean()
                                 .item<double>()));
}

TEST_CASE("the evidence lower bound uses a sample that depends on the seed") {
  SailerModel model = make_model(small(Architecture::kDense));
  const SparseBatch batch = make_batch();
  const auto elbo = [&](uint64_t seed) {
    return model.evaluate(batch, make_generator(at::kCPU, seed)).elbo;
  };
  REQUIRE(elbo(5) == elbo(5));
  REQUIRE(elbo(5) != elbo(6));
  // By hand: the plain loss at z = mean + sd * noise, and the KL.
  const Posterior q = model.encode(batch, false);
  at::Tensor noise = at::empty_like(q.mean);
  noise.normal_(0, 1, make_generator(at::kCPU, 5));
  const at::Tensor hidden = model.decode_hidden(
      q.mean + at::exp(0.5 * q.log_variance) * noise, batch.confounders, false);
  const at::Tensor logits = logits_of(model, hidden);
  const at::Tensor x = to_dense(batch.target, 25, at::kDouble);
  const double likelihood =
      (x * at::log_sigmoid(logits) + (1 - x) * at::log_sigmoid(-logits))
          .sum(1)
          .mean()
          .item<double>();
  const double kl = kl_to_prior(q.mean, q.log_variance).mean().item<double>();
  REQUIRE(elbo(5) == Approx(likelihood - kl).epsilon(1e-9));
}

TEST_CASE("chromosomes only interact in the latent space") {
  SailerModel model = make_model(small(Architecture::kChromosome));
  SparseBatch batch = make_batch();
  for (const NamedTensor& entry : model.parameters().parameters()) {
    entry.tensor.mutable_grad().reset();
  }
  const at::Tensor hidden =
      model.decode_hidden(random_tensor({8, 3}, 5), batch.confounders, false);
  // Logits of the second chromosome depend only on its own columns.
  logits_of(model, hidden).slice(1, 9, 13).sum().backward();
  for (const NamedTensor& entry : model.parameters().parameters()) {
    if (entry.name != "decoder.output.weight") continue;
    const at::Tensor gradient = entry.tensor.grad().abs().sum(1);
    REQUIRE(gradient.slice(0, 0, 9).sum().item<double>() == 0);
    REQUIRE(gradient.slice(0, 9, 13).min().item<double>() > 0);
    REQUIRE(gradient.slice(0, 13, 25).sum().item<double>() == 0);
  }
}

TEST_CASE("output biases start at the logit of the peak's frequency") {
  SailerOptions options = small(Architecture::kDense);
  std::vector<double> frequencies(25, 0.2);
  frequencies[3] = 0;  // must stay finite
  SailerModel model(options, layout_of(options), kConfounders, frequencies, 1,
                    at::kCPU, at::kDouble);
  const at::Tensor bias = model.parameters().parameters().back().tensor;
  REQUIRE(model.parameters().parameters().back().name == "decoder.output.bias");
  REQUIRE(bias[0].item<double>() == Approx(std::log(0.2 / 0.8)));
  REQUIRE(std::isfinite(bias[3].item<double>()));
}

TEST_CASE("a seed determines every parameter, and states can be loaded") {
  const SailerOptions options = small(Architecture::kChromosome);
  SailerModel one = make_model(options, 5), same = make_model(options, 5);
  SailerModel other = make_model(options, 6);
  const auto a = one.parameters().state(), b = same.parameters().state();
  bool differs = false;
  for (size_t k = 0; k < a.size(); ++k) {
    REQUIRE(at::equal(a[k].tensor, b[k].tensor));
    differs = differs ||
              !at::equal(a[k].tensor, other.parameters().state()[k].tensor);
  }
  REQUIRE(differs);
  other.parameters().load_state(a);
  const SparseBatch batch = make_batch();
  REQUIRE(at::equal(one.encode(batch, false).mean,
                    other.encode(batch, false).mean));
}

TEST_CASE("a mismatched state is refused and changes nothing") {
  SailerModel model = make_model(small(Architecture::kDense));
  const auto before = model.parameters().state();
  auto damaged = model.parameters().state();
  damaged.back().tensor = at::zeros({2}, doubles());
  REQUIRE_THROWS_AS(model.parameters().load_state(damaged), Error);
  damaged.pop_back();
  REQUIRE_THROWS_WITH(model.parameters().load_state(damaged),
                      contains("tensors"));
  const auto after = model.parameters().state();
  for (size_t k = 0; k < before.size(); ++k) {
    REQUIRE(at::equal(before[k].tensor, after[k].tensor));
  }
}

namespace {

ComputeOptions engine_of(Engine engine) {
  ComputeOptions compute;
  compute.engine = engine;
  return compute;
}

SparseBatch batch_of_type(at::ScalarType type) {
  SparseBatch batch = make_batch();
  batch.input = random_rows(8, 25, 0.15, 40);  // as if thinned
  batch.confounders = batch.confounders.to(type);
  batch.cell_scale = batch.cell_scale.to(type);
  return batch;
}

}  // namespace

TEST_CASE("the objective and its gradients equal those of the plain model") {
  const SparseBatch batch = batch_of_type(at::kDouble);
  const auto engine = GENERATE(Engine::kFused, Engine::kTensor);
  for (const SailerOptions& options : variants()) {
    SailerModel model = make_model(options, 9);
    model.set_compute(engine_of(engine));
    const at::Tensor expected =
        PlainSailer(model).objective(batch, 0.7, /*seed=*/21);
    expected.backward();
    std::vector<at::Tensor> gradients;
    for (const NamedTensor& entry : model.parameters().parameters()) {
      gradients.push_back(entry.tensor.grad().clone());
      entry.tensor.mutable_grad().reset();
    }
    model.generator().set_current_seed(21);
    const at::Tensor found = model.loss(batch, {0.7, false}).total;
    found.backward();
    REQUIRE(found.item<double>() ==
            Approx(expected.item<double>()).epsilon(1e-10));
    for (size_t k = 0; k < gradients.size(); ++k) {
      const NamedTensor& entry = model.parameters().parameters()[k];
      INFO(name_of(options.architecture) << " " << entry.name);
      REQUIRE(at::allclose(entry.tensor.grad(), gradients[k], 1e-9, 1e-9));
    }
  }
}

TEST_CASE("both engines compute the same, dropout and evaluation too") {
  const auto type = GENERATE(at::kDouble, at::kFloat);
  const auto engine = Engine::kTensor;
  const double tolerance = type == at::kDouble ? 1e-9 : 2e-4;
  const SparseBatch batch = batch_of_type(type);
  for (SailerOptions options : variants()) {
    options.dropout = 0.2;  // same mask from the same seed
    const auto make = [&](Engine which) {
      SailerModel model(options, layout_of(options), kConfounders, {}, 9,
                        at::kCPU, type);
      model.set_compute(engine_of(which));
      return model;
    };
    SailerModel expected = make(Engine::kFused), found = make(engine);
    REQUIRE(found.compute().engine == engine);
    const SailerLoss a = expected.loss(batch, {0.7, false});
    const SailerLoss b = found.loss(batch, {0.7, false});
    a.total.backward();
    b.total.backward();
    REQUIRE(b.total.item<double>() ==
            Approx(a.total.item<double>()).epsilon(tolerance));
    for (size_t k = 0; k < expected.parameters().parameters().size(); ++k) {
      const NamedTensor& one = expected.parameters().parameters()[k];
      const NamedTensor& two = found.parameters().parameters()[k];
      INFO(name_of(options.architecture) << " " << one.name);
      REQUIRE(at::allclose(two.tensor.grad(), one.tensor.grad(), tolerance,
                           tolerance));
    }
    at::NoGradGuard no_grad;
    const auto at_5 = [&](SailerModel& model) {
      return model.evaluate(batch, make_generator(at::kCPU, 5));
    };
    REQUIRE(at_5(found).elbo == Approx(at_5(expected).elbo).epsilon(tolerance));
  }
}

TEST_CASE("training with fused updates has the bits of training without") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const SparseBatch batch = batch_of_type(type);
  for (SailerOptions options : variants()) {
    options.dropout = 0.2;
    const auto make = [&] {
      return SailerModel(options, layout_of(options), kConfounders, {}, 9,
                         at::kCPU, type);
    };
    SailerModel apart = make(), at_once = make();
    Adam one(apart.parameters().parameters(), 0.01);
    Adam two(at_once.parameters().parameters(), 0.01);
    for (int step = 0; step < 4; ++step) {
      const SailerLoss expected = apart.loss(batch, {0.7, step == 0});
      expected.total.backward();
      one.step(0.01);
      two.begin_step(0.01);
      const SailerUpdates updates{two.update_of(SailerModel::kInputWeight),
                                  two.update_of(SailerModel::kOutputWeight),
                                  two.update_of(SailerModel::kOutputBias)};
      const SailerLoss found = at_once.loss(batch, {0.7, step == 0}, &updates);
      found.total.backward();
      two.finish_step();
      REQUIRE(found.total.item<double>() == expected.total.item<double>());
    }
    const auto a = apart.parameters().state(), b = at_once.parameters().state();
    for (size_t k = 0; k < a.size(); ++k) {
      INFO(a[k].name);
      REQUIRE(at::equal(a[k].tensor, b[k].tensor));
    }
    at_once.set_compute(engine_of(Engine::kTensor));
    const SailerUpdates none{};
    REQUIRE_THROWS_AS(at_once.loss(batch, {0.7, false}, &none), Error);
  }
}

TEST_CASE("a short training in bfloat16 gets about as far") {
  const PeakLayout layout({200, 200});
  SailerOptions options = small(Architecture::kChromosome);
  options.hidden = {16, 8};
  // Two kinds of cells with their own peaks: there is something to learn.
  std::vector<std::vector<int64_t>> cells(40);
  std::mt19937_64 engine(3);
  for (int64_t i = 0; i < 40; ++i) {
    for (int64_t p = 0; p < 400; ++p) {
      const double rate = p % 2 == i % 2 ? 0.3 : 0.02;
      if (uniform_unit(engine) < rate) cells[i].push_back(p);
    }
  }
  SparseBatch batch = batch_of(rows_of(cells), kConfounders, 4);
  batch.confounders = batch.confounders.to(at::kFloat);
  batch.cell_scale = batch.cell_scale.to(at::kFloat);
  const auto train = [&](Precision precision) {
    SailerModel model(options, layout, kConfounders, {}, 5);
    model.set_compute({Engine::kFused, precision});
    Adam adam(model.parameters().parameters(), 0);
    const double first = model.loss(batch, {0, true}).total.item<double>();
    for (int step = 0; step < 60; ++step) {
      model.loss(batch, {0, true}).total.backward();
      adam.step(0.01);
    }
    const double last = model.loss(batch, {0, true}).total.item<double>();
    REQUIRE(last < 0.8 * first);
    return std::make_pair(first, last);
  };
  const auto full = train(Precision::kFloat32), half = train(Precision::kBf16);
  REQUIRE(half.first != full.first);
  REQUIRE(half.second == Approx(full.second).epsilon(0.02));
}
}  // namespace sailer_model_test
