#include <cmath>

#include "catch.h"
#include "core/training/trainer.h"
#include "expresser_helpers.h"
#include "torch_helpers.h"

namespace expresser_task_test {

using namespace sailer;
using namespace sailer_test;

namespace {

std::vector<at::Tensor> gradients_of(ExpresserModel& model) {
  std::vector<at::Tensor> out;
  for (const NamedTensor& entry : model.parameters().parameters()) {
    out.push_back(entry.tensor.grad().clone());
    at::Tensor parameter = entry.tensor;
    parameter.mutable_grad().reset();
  }
  return out;
}

// The gradients for the first minibatch.
std::vector<at::Tensor> first_gradients(const PretrainOptions& options,
                                        double* weight, double* loss,
                                        const Split& split = split_at(20, 0)) {
  ExpresserModel model = stirred_expresser(24, tiny_expresser(), at::kDouble);
  ExpresserTask task(model, two_kinds(20, 24), split, options);
  Adam adam(model.parameters().parameters(), 0);
  task.start_epoch(0, 0);
  REQUIRE(task.next());
  const StepLoss step = task.step(adam, 0, 0, false);
  *weight = step.weight;
  *loss = step.parts[0].item<double>();
  return gradients_of(model);
}

}  // namespace

TEST_CASE("pieces add up to the gradient of the whole minibatch") {
  PretrainOptions options = brief_pretraining();
  options.batch_size = 20;
  double weight[2], loss[2];
  options.token_budget = 1;
  const auto pieces = first_gradients(options, weight, loss);
  options.token_budget = 100000;
  const auto whole = first_gradients(options, weight + 1, loss + 1);
  REQUIRE(weight[0] == weight[1]);
  REQUIRE(loss[0] == Approx(loss[1]).epsilon(1e-12));
  for (size_t k = 0; k < whole.size(); ++k) {
    REQUIRE((pieces[k] - whole[k]).abs().max().item<double>() < 1e-12);
  }
}

TEST_CASE(
    "gradients of parts, weighted by masked genes, average to the whole") {
  PretrainOptions options = brief_pretraining();
  options.batch_size = 20;
  double weight[3], loss[3];
  const auto whole = first_gradients(options, weight, loss);
  Split one, other;
  for (int64_t i = 0; i < 20; ++i) {
    (i < 7 ? one : other).training.push_back(i);
  }
  const auto first = first_gradients(options, weight + 1, loss + 1, one);
  const auto second = first_gradients(options, weight + 2, loss + 2, other);
  REQUIRE(weight[1] + weight[2] == weight[0]);
  for (size_t k = 0; k < whole.size(); ++k) {
    const at::Tensor mean =
        (first[k] * weight[1] + second[k] * weight[2]) / weight[0];
    REQUIRE((mean - whole[k]).abs().max().item<double>() < 1e-12);
  }
}

TEST_CASE("a tiny model fits a tiny corpus") {
  ExpresserOptions tiny = tiny_expresser();
  tiny.decoder = GENERATE(true, false);
  tiny.n_embedding = 16;
  ExpresserModel model(tiny, 24, 3);
  PretrainOptions options = brief_pretraining();
  options.epochs = 150;
  ExpresserTask task(model, two_kinds(60, 24), split_at(60, 20), options);
  Adam adam(model.parameters().parameters(), 0);
  std::vector<double> first, last;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    task.start_epoch(epoch, 0);
    for (int64_t at = 0; task.next(); at += task.n_cells()) {
      adam.begin_step(task.learning_rate(epoch, at));
      task.step(adam, epoch, at, false);
      adam.finish_step();
    }
    last = task.measure();
    if (epoch == 0) first = last;
  }
  // High and low counts are distinguished in held-out cells: their spread is
  // about 2; what remains is the spread of counts of 1 to 2 and of 21 to 22.
  INFO(first[0] << " " << last[0] << " " << last[2]);
  REQUIRE(last[0] < 0.1 * first[0]);
  REQUIRE(last[2] > 0.98);
  REQUIRE(task.measure() == last);
  REQUIRE(task.score(last) == -last[0]);
}

TEST_CASE("the learning rate rises, then falls along half a cosine") {
  REQUIRE(cosine_rate(1, 0.1, 4, 14, 0) == Approx(0.25));
  REQUIRE(cosine_rate(1, 0.1, 4, 14, 3) == Approx(1));
  REQUIRE(cosine_rate(1, 0.1, 4, 14, 4) == Approx(1));
  REQUIRE(cosine_rate(1, 0.1, 4, 14, 9) == Approx(0.55));
  REQUIRE(cosine_rate(1, 0.1, 4, 14, 14) == Approx(0.1));
  REQUIRE(cosine_rate(1, 0.1, 4, 14, 99) == Approx(0.1));
  REQUIRE(cosine_rate(1, 0, 0, 1, 0) == Approx(1));
}

TEST_CASE("automatic options depend on cells, model and device") {
  const PretrainOptions few = PretrainOptions().resolve(
      2700, default_expresser_options(ModelSize::kSmall));
  REQUIRE(few.epochs == 100);
  REQUIRE(few.batch_size == 27);
  REQUIRE(few.learning_rate == Approx(9.765625e-4));
  REQUIRE(few.token_budget == 4096);
  REQUIRE(few.warmup == 1000);
  const PretrainOptions atlas = PretrainOptions().resolve(
      6000000, default_expresser_options(ModelSize::kFull));
  REQUIRE(atlas.epochs == 6);
  REQUIRE(atlas.batch_size == 256);
  REQUIRE(atlas.learning_rate == 1e-4);
  REQUIRE(atlas.warmup == 2000);
  PretrainOptions bad;
  bad.final_share = 2;
  REQUIRE_THROWS_WITH(bad.check(), contains("`final_share`"));
}

TEST_CASE("each epoch masks other genes, reproducibly") {
  ExpresserModel model(tiny_expresser(), 24, 3);
  ExpresserTask task(model, two_kinds(20, 24), split_at(20, 0),
                     brief_pretraining());
  Adam adam(model.parameters().parameters(), 0);
  const auto loss_of = [&](int64_t epoch) {
    task.start_epoch(epoch, 0);
    task.next();
    const double loss =
        task.step(adam, epoch, 0, false).parts[0].item<double>();
    gradients_of(model);
    return loss;
  };
  const double one = loss_of(0);
  REQUIRE(loss_of(0) == one);
  REQUIRE(loss_of(1) != one);
  REQUIRE(std::isnan(task.measure()[0]));
  REQUIRE(task.cells_at(0, 16).size() == 4);
}

namespace {

struct StopAfter : Monitor {
  int left;
  explicit StopAfter(int n) : left(n) {}
  bool keep_going(const Progress&) override { return left-- > 0; }
};

RunOptions clipped_run() {
  RunOptions run;
  run.epochs = 4;
  run.clip_norm = 1;
  return run;
}

PretrainOptions with_dropout_schedule() {
  PretrainOptions options = brief_pretraining();
  options.epochs = 4;
  options.warmup = 3;
  return options;
}

// Trains until the end or until the monitor stops the run, from `state` unless
// it is empty. Stores the trainer's final state in `state`.
TrainResult train_tiny(Monitor& monitor, std::vector<NamedTensor>& state) {
  ExpresserOptions options = tiny_expresser();
  options.dropout = 0.2;
  ExpresserModel model(options, 24, 3);
  ExpresserTask task(model, two_kinds(30, 24), split_at(30, 6),
                     with_dropout_schedule());
  Trainer trainer(task, clipped_run());
  if (!state.empty()) trainer.load_state(state);
  const TrainResult result = trainer.run(monitor);
  state.clear();
  for (const NamedTensor& entry : trainer.state()) {
    state.push_back({entry.name, entry.tensor.clone()});
  }
  return result;
}

}  // namespace

TEST_CASE("an Expresser resumes from any step with the same bits") {
  Monitor patient;
  std::vector<NamedTensor> whole;
  const TrainResult expected = train_tiny(patient, whole);
  REQUIRE(expected.status == TrainStatus::kCompleted);
  const int steps = GENERATE(1, 3, 4, 8);  // 3 steps per epoch
  StopAfter stop(steps);
  std::vector<NamedTensor> state;
  REQUIRE(train_tiny(stop, state).status == TrainStatus::kInterrupted);
  const TrainResult resumed = train_tiny(patient, state);
  REQUIRE(resumed.history.size() == 4);
  for (size_t k = 0; k < whole.size(); ++k) {
    if (whole[k].name.compare(0, 4, "run.") == 0) continue;  // the clock
    INFO(whole[k].name);
    REQUIRE(at::equal(state[k].tensor, whole[k].tensor));
  }
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(resumed.history[k].parts == expected.history[k].parts);
    REQUIRE(resumed.history[k].measures == expected.history[k].measures);
    REQUIRE(resumed.history[k].settings == expected.history[k].settings);
  }
}

}  // namespace expresser_task_test
