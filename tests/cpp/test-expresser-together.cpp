#include "catch.h"
#include "core/support/config.h"
#include "core/training/trainer.h"
#include "expresser_helpers.h"
#include "together_helpers.h"

using namespace sailer;
using namespace sailer_test;

// Where LibTorch cannot join processes there is nothing to test.
#if SAILER_HAS_C10D

namespace {

constexpr int64_t kCells = 41, kGenes = 24;

// Every epoch is a single step over all cells: however they are dealt out, the
// union is the same minibatch.
PretrainOptions one_step_epochs() {
  PretrainOptions options = brief_pretraining();
  options.epochs = 6;
  options.batch_size = 40;
  options.warmup = 2;
  return options;
}

struct Outcome {
  TrainResult result;
  std::vector<NamedTensor> parameters;
  int64_t n_training = 0;
};

Outcome train(const Shard& shard, Exchange* exchange) {
  ExpresserModel model =
      stirred_expresser(kGenes, tiny_expresser(), at::kDouble);
  ExpresserTask task(model, two_kinds(kCells, kGenes), split_at(kCells, 8),
                     one_step_epochs(), shard);
  RunOptions run;
  run.epochs = 6;
  run.clip_norm = 0.5;
  Trainer trainer(task, run, {}, exchange);
  Monitor silent;
  Outcome out;
  out.result = trainer.run(silent);
  out.parameters = model.parameters().state();
  out.n_training = task.n_training();
  return out;
}

}  // namespace

TEST_CASE("processes that train an Expresser take the steps of one") {
  const Outcome alone = train({}, nullptr);
  std::vector<Outcome> shared(2);
  together(2, [&](Exchange& exchange) {
    shared[static_cast<size_t>(exchange.rank())] =
        train({exchange.rank(), 2}, &exchange);
  });
  REQUIRE(shared[0].n_training == 17);  // unequal shards of 33 cells
  REQUIRE(shared[1].n_training == 16);
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

TEST_CASE("a minibatch must have a cell for every process") {
  ExpresserModel model(tiny_expresser(), kGenes, 3);
  PretrainOptions options = brief_pretraining();
  options.batch_size = 2;
  REQUIRE_THROWS_WITH(ExpresserTask(model, two_kinds(kCells, kGenes),
                                    split_at(kCells, 8), options, {0, 3}),
                      contains("`batch_size` (2)"));
}

#endif
