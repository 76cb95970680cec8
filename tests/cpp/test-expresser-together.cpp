#include "catch.h"
#include "core/support/config.h"
#include "core/training/expresser_start.h"
#include "core/training/trainer.h"
#include "expresser_helpers.h"
#include "together_helpers.h"

namespace expresser_together_test {

using namespace sailer;
using namespace sailer_test;

// If LibTorch cannot join processes, there is nothing to test.
#if SAILER_HAS_C10D

namespace {

constexpr int64_t kCells = 41, kGenes = 24;

// 33 cells: two minibatches, and one with a single cell.
PretrainOptions few_steps() {
  PretrainOptions options = brief_pretraining();
  options.epochs = 6;
  options.batch_size = 16;
  options.warmup = 2;
  return options;
}

struct Outcome {
  TrainResult result;
  std::vector<NamedTensor> parameters;
};

Outcome train(Exchange* exchange) {
  ExpresserModel model =
      stirred_expresser(kGenes, tiny_expresser(), at::kDouble);
  ExpresserTask task(model, two_kinds(kCells, kGenes), split_at(kCells, 8),
                     few_steps(), exchange);
  RunOptions run;
  run.epochs = 6;
  run.clip_norm = 0.5;
  Trainer trainer(task, run, {}, exchange);
  Monitor silent;
  Outcome out;
  out.result = trainer.run(silent);
  out.parameters = model.parameters().state();
  return out;
}

}  // namespace

TEST_CASE("processes train an Expresser with the same steps as one") {
  const Outcome alone = train(nullptr);
  std::vector<Outcome> shared(2);
  together(2, [&](Exchange& exchange) {
    shared[static_cast<size_t>(exchange.rank())] = train(&exchange);
  });
  for (size_t k = 0; k < alone.parameters.size(); ++k) {
    CAPTURE(alone.parameters[k].name);
    REQUIRE(at::equal(shared[0].parameters[k].tensor,
                      shared[1].parameters[k].tensor));
    REQUIRE((shared[0].parameters[k].tensor - alone.parameters[k].tensor)
                .abs()
                .max()
                .item<double>() < 1e-9);
  }
  for (size_t epoch = 0; epoch < 6; ++epoch) {
    const EpochRecord& one = alone.result.history[epoch];
    const EpochRecord& both = shared[0].result.history[epoch];
    REQUIRE(both.parts[0] == Approx(one.parts[0]).epsilon(1e-9));
    REQUIRE(both.measures[0] == Approx(one.measures[0]).epsilon(1e-9));
    REQUIRE(both.settings == one.settings);
  }
}

TEST_CASE("processes share the start of an Expresser") {
  const CellSourcePtr source = two_kinds(kCells, kGenes);
  const std::vector<int64_t> cells = split_at(kCells, 8).training;
  const auto start = [&](Exchange* exchange) {
    ExpresserModel model(tiny_expresser(), kGenes, 3);
    start_from_cells(model, source, cells, 1, {}, exchange);
    return model.parameters().state();
  };
  const std::vector<NamedTensor> alone = start(nullptr);
  const int64_t size = GENERATE(2, 3);
  std::vector<std::vector<NamedTensor>> shared(static_cast<size_t>(size));
  together(size, [&](Exchange& exchange) {
    shared[static_cast<size_t>(exchange.rank())] = start(&exchange);
  });
  for (const auto& state : shared) {
    for (size_t k = 0; k < alone.size(); ++k) {
      CAPTURE(alone[k].name);
      REQUIRE(at::equal(state[k].tensor, shared[0][k].tensor));
      REQUIRE(at::allclose(state[k].tensor, alone[k].tensor, 1e-5, 1e-6));
    }
  }
}

TEST_CASE("a minibatch must have a cell for every process") {
  std::vector<std::string> said(3);
  together(3, [&](Exchange& exchange) {
    ExpresserModel model(tiny_expresser(), kGenes, 3);
    PretrainOptions options = brief_pretraining();
    options.batch_size = 2;
    try {
      ExpresserTask(model, two_kinds(kCells, kGenes), split_at(kCells, 8),
                    options, &exchange);
    } catch (const Error& error) {
      said[static_cast<size_t>(exchange.rank())] = error.what();
    }
  });
  for (const std::string& one : said) {
    REQUIRE_THAT(one, contains("`batch_size` (2)"));
  }
}

#endif

}  // namespace expresser_together_test
