#include "core/training/step_exchange.h"

#include <chrono>
#include <filesystem>
#include <numeric>

#include "catch.h"
#include "core/support/config.h"
#include "together_helpers.h"
#include "trainer_helpers.h"

namespace exchange_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("shards are contiguous and of nearly the same size") {
  std::vector<int64_t> cells(11);
  std::iota(cells.begin(), cells.end(), int64_t{5});
  std::vector<int64_t> all;
  for (int64_t rank = 0; rank < 4; ++rank) {
    const std::vector<int64_t> part = shard_cells(cells, {rank, 4});
    REQUIRE(part.size() == (rank < 3 ? 3 : 2));
    all.insert(all.end(), part.begin(), part.end());
  }
  REQUIRE(all == cells);
  REQUIRE(shard_cells(cells, {}) == cells);
  REQUIRE(shard_cells({7}, {1, 3}).empty());
}

TEST_CASE("processes share every minibatch") {
  const std::vector<int64_t> order = {4, 9, 1, 7, 3, 8, 2, 6, 5};
  REQUIRE(shard_batches(order, 5, {0, 3}) == std::vector<int64_t>{4, 9, 8, 2});
  REQUIRE(shard_batches(order, 5, {1, 3}) == std::vector<int64_t>{1, 7, 6});
  REQUIRE(shard_batches(order, 5, {2, 3}) == std::vector<int64_t>{3, 5});
  REQUIRE(shard_batches(order, 5, {}) == order);
  for (int64_t rank = 0; rank < 3; ++rank) {
    REQUIRE(shard_position(0, 5, {rank, 3}) == 0);
    REQUIRE(shard_position(5, 5, {rank, 3}) == (rank < 2 ? 2 : 1));
    REQUIRE(shard_position(9, 5, {rank, 3}) ==
            static_cast<int64_t>(shard_batches(order, 5, {rank, 3}).size()));
  }
}

// If LibTorch cannot join processes, there is nothing more to test.
#if SAILER_HAS_C10D

namespace {

RunOptions line_run(int64_t epochs) {
  RunOptions out;
  out.epochs = epochs;
  out.weight_decay = 0.01;
  return out;
}

struct Line {
  TrainResult result;
  std::vector<NamedTensor> state;  // of the run
};

std::vector<NamedTensor> copied(const std::vector<NamedTensor>& tensors) {
  std::vector<NamedTensor> out;
  for (const NamedTensor& entry : tensors) {
    out.push_back({entry.name, entry.tensor.detach().clone()});
  }
  return out;
}

// Compares everything needed to resume a run, but not the clock.
bool same_state(const std::vector<NamedTensor>& one,
                const std::vector<NamedTensor>& other) {
  if (one.size() != other.size()) return false;
  for (size_t k = 0; k < one.size(); ++k) {
    if (one[k].name == "run.history" || one[k].name == "run.numbers") continue;
    if (one[k].name != other[k].name) return false;
    if (!at::equal(one[k].tensor, other[k].tensor)) return false;
  }
  return true;
}

at::Tensor tensor_of(const Line& line, const std::string& name) {
  for (const NamedTensor& entry : line.state) {
    if (entry.name == name) return entry.tensor;
  }
  throw Error(ErrorKind::kArgument, "no " + name);
}

Line train_line(LineTask& task, const RunOptions& options, Monitor& monitor,
                Exchange* exchange = nullptr, const Checkpoint& checkpoint = {},
                const std::vector<NamedTensor>& from = {}) {
  Trainer trainer(task, options, checkpoint, exchange);
  if (!from.empty()) trainer.load_state(from);
  Line out;
  out.result = trainer.run(monitor);
  out.state = copied(trainer.state());
  return out;
}

Line line_alone(const RunOptions& options) {
  LineTask task;
  Monitor silent;
  return train_line(task, options, silent);
}

// Runs two processes; `monitors` may be empty.
std::vector<Line> line_together(const RunOptions& options,
                                std::vector<Monitor*> monitors = {},
                                const std::vector<NamedTensor>& from = {},
                                int64_t spoil_epoch = -1) {
  std::vector<Line> out(2);
  together(2, [&](Exchange& exchange) {
    const auto rank = static_cast<size_t>(exchange.rank());
    LineTask task(&exchange);
    if (rank == 1) task.spoil_epoch = spoil_epoch;
    Monitor silent;
    Monitor& monitor = monitors.empty() ? silent : *monitors[rank];
    // Each epoch is saved, so that the run can go back to it.
    out[rank] = train_line(task, options, monitor, &exchange,
                           {{}, 1, {}, /*steps=*/1}, from);
  });
  return out;
}

void require_close(const Line& one, const Line& other) {
  for (const char* name : {"model.w", "model.b", "model.unused"}) {
    CAPTURE(name);
    REQUIRE(
        at::allclose(tensor_of(one, name), tensor_of(other, name), 1e-9, 1e-9));
  }
  REQUIRE(one.result.history.size() == other.result.history.size());
  for (size_t k = 0; k < one.result.history.size(); ++k) {
    for (const char* name : {"loss", "sum", "validation"}) {
      REQUIRE(value_of(one.result, k, name) ==
              Approx(value_of(other.result, k, name)).epsilon(1e-9));
    }
  }
}

// Leaves the run with an error after a number of minibatches, like a crash.
struct Crash : Monitor {
  int left;
  explicit Crash(int n) : left(n) {}
  bool keep_going(const Progress&) override {
    if (left-- == 0) throw Error(ErrorKind::kData, "crashed");
    return true;
  }
};

}  // namespace

TEST_CASE("two processes take the same steps as one") {
  for (double clip : {0.0, 0.5}) {
    CAPTURE(clip);
    RunOptions options = line_run(6);
    options.clip_norm = clip;
    // 17 points: in the third step the second process has none.
    const Line alone = line_alone(options);
    const std::vector<Line> both = line_together(options);
    REQUIRE(both[0].result.status == TrainStatus::kCompleted);
    require_close(both[0], alone);
    REQUIRE(same_state(both[0].state, both[1].state));
    // The unused parameter has no gradient in any process and does not change.
    REQUIRE(at::equal(tensor_of(both[1], "model.unused"),
                      at::ones({3}, at::kDouble)));
  }
}

TEST_CASE("clipping has an effect on the run") {
  RunOptions options = line_run(6);
  const Line plain = line_alone(options);
  options.clip_norm = 0.5;
  REQUIRE_FALSE(at::allclose(tensor_of(line_alone(options), "model.w"),
                             tensor_of(plain, "model.w"), 1e-6, 1e-6));
}

TEST_CASE("early stopping uses the held-out cells of all processes") {
  RunOptions options = line_run(500);
  options.patience = 2;
  const Line alone = line_alone(options);
  REQUIRE(alone.result.status == TrainStatus::kStoppedEarly);
  const std::vector<Line> both = line_together(options);
  REQUIRE(both[1].result.status == TrainStatus::kStoppedEarly);
  require_close(both[1], alone);
  REQUIRE(both[0].result.best_epoch == alone.result.best_epoch);
}

TEST_CASE("a stop requested in one process stops all at the same step") {
  const RunOptions options = line_run(5);
  const std::vector<Line> whole = line_together(options);
  for (int after : {0, 1, 2, 3, 5}) {
    CAPTURE(after);
    Monitor silent;
    Stopper stopper(after);
    const std::vector<Line> part = line_together(options, {&silent, &stopper});
    REQUIRE(part[0].result.status == TrainStatus::kInterrupted);
    REQUIRE(part[1].result.status == TrainStatus::kInterrupted);
    REQUIRE(same_state(part[0].state, part[1].state));
    const std::vector<Line> on = line_together(options, {}, part[0].state);
    REQUIRE(on[1].result.status == TrainStatus::kCompleted);
    REQUIRE(same_state(on[0].state, whole[0].state));
    REQUIRE(same_state(on[1].state, whole[0].state));
  }
}

TEST_CASE("a non-finite loss in one process stops all processes") {
  const RunOptions options = line_run(5);
  const std::vector<Line> part = line_together(options, {}, {}, 2);
  for (const Line& line : part) {
    REQUIRE(line.result.status == TrainStatus::kDiverged);
    REQUIRE(line.result.divergence.epoch == 3);
    REQUIRE(line.result.divergence.cells ==
            std::vector<int64_t>{8, 9, 10, 11, 12, 13, 14, 15});
    REQUIRE(line.result.history.size() == 2);
  }
  REQUIRE(same_state(part[0].state, part[1].state));
  // Both went back to the end of the second epoch.
  require_close(part[1], line_together(line_run(2))[1]);
}

TEST_CASE("if a process fails, the others end with a checkpoint") {
  const RunOptions options = line_run(5);
  const std::vector<Line> whole = line_together(options);
  const auto folder = std::filesystem::temp_directory_path() /
                      ("sailer-lost-" + std::to_string(::getpid()));
  for (int64_t lost : {0, 1}) {
    CAPTURE(lost);
    std::filesystem::create_directories(folder);
    const std::string path = (folder / "state.safetensors").string();
    Line left;
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE_THROWS_WITH(
        together(2,
                 [&](Exchange& exchange) {
                   LineTask task(&exchange);
                   Monitor silent;
                   Crash crash(4);  // in the second epoch
                   const bool dies = exchange.rank() == lost;
                   Monitor& monitor =
                       dies ? static_cast<Monitor&>(crash) : silent;
                   const Line line = train_line(task, options, monitor,
                                                &exchange, {path, 1, {}});
                   if (!dies) left = line;
                 }),
        contains("crashed"));
    REQUIRE(std::chrono::steady_clock::now() - begun <
            std::chrono::seconds(10));
    REQUIRE(left.result.status == TrainStatus::kLostProcess);
    REQUIRE(left.result.lost ==
            "Process " + std::to_string(lost) + " of 2 failed: crashed");
    REQUIRE(left.result.history.size() == 1);
    const std::vector<NamedTensor> saved = read_state(path);
    REQUIRE(same_state(saved, left.state));
    REQUIRE(
        same_state(line_together(options, {}, saved)[0].state, whole[0].state));
    // A single process resumes in the middle of that epoch.
    LineTask task;
    Monitor silent;
    const Line alone = train_line(task, options, silent, nullptr, {}, saved);
    REQUIRE(alone.result.status == TrainStatus::kCompleted);
    require_close(alone, whole[0]);
    std::filesystem::remove_all(folder);
  }
}

TEST_CASE("only the first process needs the state to resume from") {
  const RunOptions options = line_run(5);
  const Line whole = line_together(options)[0];
  const std::vector<NamedTensor> two = line_together(line_run(2))[0].state;
  std::vector<Line> out(2);
  together(2, [&](Exchange& exchange) {
    LineTask task(&exchange);
    Monitor silent;
    out[static_cast<size_t>(exchange.rank())] =
        train_line(task, options, silent, &exchange, {},
                   exchange.rank() == 0 ? two : std::vector<NamedTensor>());
  });
  REQUIRE(same_state(out[1].state, whole.state));
  REQUIRE(out[1].result.history.size() == 5);
}

TEST_CASE("if the first checkpoint cannot be written, all processes end") {
  TrainResult other;
  REQUIRE_THROWS_WITH(
      together(2,
               [&](Exchange& exchange) {
                 LineTask task(&exchange);
                 Monitor silent;
                 const Checkpoint nowhere{"/no/such/folder/state", 1, {}};
                 const bool first = exchange.rank() == 0;
                 Trainer trainer(task, line_run(3),
                                 first ? nowhere : Checkpoint(), &exchange);
                 const TrainResult result = trainer.run(silent);
                 if (!first) other = result;
               }),
      contains("/no/such/folder"));
  REQUIRE(other.status == TrainStatus::kLostProcess);
  REQUIRE_THAT(other.lost, contains("Process 0 of 2 failed: ") &&
                               contains("/no/such/folder"));
  REQUIRE(other.history.empty());
}

TEST_CASE("if one of four processes fails, the others learn which one") {
  std::vector<std::string> heard(4);
  std::vector<double> sums(4);
  const auto begun = std::chrono::steady_clock::now();
  together(4, [&](Exchange& exchange) {
    const auto rank = static_cast<size_t>(exchange.rank());
    const at::Tensor sum =
        at::full({3}, static_cast<double>(rank), at::kDouble);
    exchange.sum(sum);
    sums[rank] = sum[2].item<double>();
    if (exchange.rank() == 2) {
      exchange.leave("its file is damaged");
      return;
    }
    try {
      exchange.sum(sum);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kProcess) heard[rank] = error.what();
    }
  });
  REQUIRE(sums == std::vector<double>(4, 6));
  for (size_t rank : {0, 1, 3}) {
    REQUIRE(heard[rank] == "Process 2 of 4 failed: its file is damaged");
  }
  REQUIRE(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
}

TEST_CASE("processes that cannot meet report what they waited for") {
  Meeting meeting;
  meeting.port = free_port();
  meeting.rank = 1;
  meeting.size = 2;
  meeting.timeout = 1;
  REQUIRE_THROWS_WITH(join_processes(meeting),
                      contains("127.0.0.1:" + std::to_string(meeting.port)));
  meeting.rank = 0;
  REQUIRE_THROWS_WITH(join_processes(meeting),
                      contains("for the other process at"));
  meeting.rank = 2;
  REQUIRE_THROWS_WITH(join_processes(meeting), contains("no process 2 of 2"));
}

#endif

}  // namespace exchange_test
