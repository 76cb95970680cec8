#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "catch.h"
#include "core/support/error.h"
#include "trainer_helpers.h"

namespace resume_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// A file in its own folder, which is removed at the end.
struct StateFile {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() /
      ("sailer-resume-" + std::to_string(std::rand()));
  StateFile() { std::filesystem::create_directories(folder); }
  ~StateFile() { std::filesystem::remove_all(folder); }
  std::string path() const { return (folder / "state.safetensors").string(); }
};

// Compares all columns but the clock: seconds differ between runs.
bool same_history(const std::vector<EpochRecord>& one,
                  const std::vector<EpochRecord>& other) {
  if (one.size() != other.size()) return false;
  for (size_t k = 0; k < one.size(); ++k) {
    const EpochRecord &a = one[k], &b = other[k];
    if (a.epoch != b.epoch || a.settings != b.settings || a.parts != b.parts ||
        a.measures != b.measures) {
      return false;
    }
  }
  return true;
}

void require_same(const Run& resumed, const Run& whole) {
  REQUIRE(same_bits(resumed.state, whole.state));
  REQUIRE(same_history(resumed.result.history, whole.result.history));
  REQUIRE(resumed.result.best_epoch == whole.result.best_epoch);
  REQUIRE(resumed.result.status == whole.result.status);
}

// Copies the file at one moment, as a killed process would leave it.
struct Thief : Monitor {
  int left;
  std::string from, to;
  Thief(int n, std::string path)
      : left(n), from(std::move(path)), to(from + ".stolen") {}
  bool keep_going(const Progress&) override {
    if (left-- == 0) std::filesystem::copy_file(from, to);
    return true;
  }
};

}  // namespace

TEST_CASE("a run stopped after any step resumes with the same bits") {
  TrainOptions training = short_training();
  training.epochs = 5;
  const Run whole = run(training);
  // 108 training cells are 6 steps per epoch; the last one has 8 cells.
  for (int steps : {0, 1, 5, 6, 7, 11, 17, 29}) {
    CAPTURE(steps);
    Stopper stopper(steps);
    const Run part = run(training, stopper);
    REQUIRE(part.result.status == TrainStatus::kInterrupted);
    Given given;
    given.from = part.progress;
    require_same(run(training, given), whole);
  }
}

TEST_CASE("early stopping survives an interruption with its best epoch") {
  TrainOptions training = short_training();
  training.epochs = 400;
  training.patience = 4;
  training.learning_rate = 0.05;
  const Run whole = run(training);
  REQUIRE(whole.result.status == TrainStatus::kStoppedEarly);
  const auto n = static_cast<int>(whole.result.history.size());
  Stopper stopper(6 * (n - 2) + 3);  // between the best epoch and the end
  Given given;
  given.from = run(training, stopper).progress;
  require_same(run(training, given), whole);
  // A finished run is finished: resuming it trains nothing.
  given.from = whole.progress;
  const Run again = run(training, given);
  REQUIRE(again.result.history.size() == whole.result.history.size());
  require_same(again, whole);
}

TEST_CASE("a checkpoint of any moment resumes with the same bits") {
  TrainOptions training = short_training();
  training.epochs = 4;
  const Run whole = run(training);
  for (double every : {0.15, 0.5, 1.0, 2.0}) {
    for (int moment : {2, 9, 15, 22}) {
      CAPTURE(every, moment);
      StateFile file;
      Given given;
      given.checkpoint = {file.path(), every, {}};
      Thief thief(moment, file.path());
      require_same(run(training, thief, given), whole);
      Given resumed;
      resumed.from = read_state(thief.to);
      require_same(run(training, resumed), whole);
      // The file also holds the end of the run.
      resumed.from = read_state(file.path());
      require_same(run(training, resumed), whole);
    }
  }
}

TEST_CASE("a finished run resumed with more epochs equals a longer run") {
  TrainOptions training = short_training();
  const Run whole = run(training);
  training.epochs = 7;
  Given given;
  given.from = run(training).progress;
  training.epochs = 12;
  require_same(run(training, given), whole);
}

TEST_CASE("a mismatched state of a run is refused by name") {
  const TrainOptions training = short_training();
  const Run whole = run(training);
  Given given;
  given.from = whole.progress;
  given.from.erase(given.from.begin());
  REQUIRE_THROWS_AS(run(training, given), Error);
  given.from = whole.progress;
  for (NamedTensor& entry : given.from) {
    if (entry.name == "run.history") entry.tensor = entry.tensor.slice(0, 1);
  }
  REQUIRE_THROWS_WITH(run(training, given), contains("run.history"));
}

TEST_CASE("an unwritable folder is reported at the start") {
  TrainOptions training = short_training();
  Given given;
  given.checkpoint = {"/no/such/folder/state.safetensors", 1, {}};
  Stopper never(0);
  REQUIRE_THROWS_WITH(run(training, never, given), contains("no/such/folder"));
}

TEST_CASE("a state without the sum of the weights can be resumed, too") {
  TrainOptions training = short_training();
  training.epochs = 3;
  const Run whole = run(training);
  Stopper stopper(8);
  Given given;
  for (const NamedTensor& entry : run(training, stopper).progress) {
    if (entry.name != "run.weight") given.from.push_back(entry);
  }
  // The layout of version 1. Counters: epoch, position and best epoch. Numbers:
  // the sums of the five parts, seconds and best bound. History: a row of 14
  // per epoch.
  for (const NamedTensor& entry : given.from) {
    if (entry.name == "run.numbers") REQUIRE(entry.tensor.numel() == 7);
    if (entry.name == "run.counters") {
      REQUIRE(at::equal(entry.tensor,
                        at::tensor({int64_t{1}, int64_t{60}, int64_t{1}})));
    }
    if (entry.name == "run.history") {
      REQUIRE(entry.tensor.sizes() == at::IntArrayRef({1, 14}));
    }
  }
  require_same(run(training, given), whole);
}

namespace {

// Corrupts the model after a number of steps, as a step that is too large
// would.
struct Spoiler : Monitor {
  int left;
  SailerModel* model;
  Spoiler(int n, SailerModel* m) : left(n), model(m) {}
  bool keep_going(const Progress&) override {
    if (left-- == 0) {
      at::NoGradGuard no_grad;
      model->parameters().parameters()[0].tensor.fill_(
          std::numeric_limits<float>::quiet_NaN());
    }
    return true;
  }
};

struct Spoiled {
  TrainResult result;
  std::vector<NamedTensor> state, progress;
};

Spoiled spoil(int after, const Checkpoint& checkpoint) {
  const TrainOptions training = short_training();
  BatchStream stream = stream_of_types(training.batch_size);
  SailerModel model(small_model(), PeakLayout({kPeaks}), 1, {}, training.seed);
  const Split split = split_cells(kCells, training.validation, training.seed);
  SailerTask task(model, stream, split, training);
  Trainer trainer(task, task.options().run(), checkpoint);
  Spoiler spoiler(after, &model);
  Spoiled out;
  out.result = trainer.run(spoiler);
  out.state = model.parameters().state();
  out.progress = trainer.state();
  return out;
}

std::vector<int64_t> cells_of_step(int64_t epoch, int64_t step) {
  const TrainOptions training = short_training();
  const Split split = split_cells(kCells, training.validation, training.seed);
  const std::vector<int64_t> order = epoch_order(
      split.training, derive_seed(derive_seed(training.seed, kOrderStream),
                                  static_cast<uint64_t>(epoch)));
  return {order.begin() + step * training.batch_size,
          order.begin() + (step + 1) * training.batch_size};
}

}  // namespace

TEST_CASE("after a non-finite loss a run goes back to the last whole epoch") {
  // Corrupted after step 15: step 4 of the third epoch is the first to notice.
  const Spoiled out = spoil(15, {{}, 1, {}, /*steps=*/1});
  REQUIRE(out.result.status == TrainStatus::kDiverged);
  REQUIRE(out.result.divergence.epoch == 3);
  REQUIRE(out.result.divergence.cells == cells_of_step(2, 4));
  REQUIRE(out.result.history.size() == 2);
  TrainOptions two = short_training();
  two.epochs = 2;
  REQUIRE(same_bits(out.state, run(two).state));
  // The run can be resumed, with the optimiser's state of that time.
  Given given;
  given.from = out.progress;
  require_same(run(short_training(), given), run(short_training()));
}

TEST_CASE("short epochs are not all saved") {
  const Spoiled out = spoil(15, {});
  REQUIRE(out.result.divergence.epoch == 3);
  REQUIRE(out.result.history.size() == 1);
  // Six steps per epoch: the second one ends after twelve steps without a save.
  REQUIRE(spoil(15, {{}, 1, {}, 7}).result.history.size() == 1);
  REQUIRE(spoil(15, {{}, 1, {}, 6}).result.history.size() == 2);
}

TEST_CASE("with a checkpoint a run goes back to it, the optimiser too") {
  StateFile file;
  const Spoiled out = spoil(15, {file.path(), 0.5, {}});
  REQUIRE(out.result.status == TrainStatus::kDiverged);
  Given given;
  given.from = out.progress;
  // Half an epoch is three steps: the last checkpoint is that of step 15.
  require_same(run(short_training(), given), run(short_training()));
}

TEST_CASE("the temporary checkpoint is in its folder while the run lasts") {
  StateFile file;
  struct Looker : Monitor {
    std::filesystem::path folder;
    int64_t n_files = 0;
    bool keep_going(const Progress& progress) override {
      if (progress.epoch > 1) {
        n_files = std::distance(std::filesystem::directory_iterator(folder),
                                std::filesystem::directory_iterator());
      }
      return true;
    }
  } looker;
  looker.folder = file.folder;
  Given given;
  given.checkpoint.folder = file.folder.string();
  TrainOptions two = short_training();
  two.epochs = 2;
  run(two, looker, given);
  REQUIRE(looker.n_files == 1);
  REQUIRE(std::filesystem::is_empty(file.folder));
}

TEST_CASE("a non-finite loss without a state to go back to is an error") {
  // Corrupted in the second epoch; the first one could not be saved.
  REQUIRE_THROWS_WITH(spoil(8, {{}, 1, "/no/such/folder"}),
                      contains("epoch 2") && contains("/no/such/folder"));
}

TEST_CASE("in the first epoch there is nothing to go back to") {
  const Spoiled out = spoil(1, {});
  REQUIRE(out.result.status == TrainStatus::kDiverged);
  REQUIRE(out.result.divergence.epoch == 1);
  REQUIRE(out.result.history.empty());
}

TEST_CASE("a step size that is far too large is noticed") {
  TrainOptions training = short_training();
  training.learning_rate = 1e30;
  REQUIRE(run(training).result.status == TrainStatus::kDiverged);
}

}  // namespace resume_test
