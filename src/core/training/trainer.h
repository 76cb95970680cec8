// The trainer: drives a task over its minibatches, epoch by epoch.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../support/monitor.h"
#include "adam.h"
#include "checkpoint.h"
#include "loss_meter.h"
#include "run_options.h"
#include "step_exchange.h"
#include "task.h"
#include "train_state.h"

namespace sailer {

enum class TrainStatus {
  kCompleted,
  kStoppedEarly,
  kInterrupted,
  kDiverged,
  kLostProcess  // another of the processes that trained together
};

// Where the loss or a gradient was no longer finite.
struct Divergence {
  int64_t epoch = 0;           // from 1
  std::vector<int64_t> cells;  // of the minibatch
};

struct TrainResult {
  TrainStatus status = TrainStatus::kCompleted;
  RunColumns columns;  // of the history
  std::vector<EpochRecord> history;
  int64_t best_epoch = 0;  // the epoch whose parameters were kept, from 1
  Divergence divergence;   // when the status is kDiverged
  std::string lost;        // why, when the status is kLostProcess
  std::string unsaved;     // why a checkpoint could not be written; else empty
};

class Trainer {
 public:
  // The task, and the exchange with other processes where there are any, must
  // outlive the trainer.
  Trainer(Task& task, const RunOptions& options,
          const Checkpoint& checkpoint = {}, Exchange* exchange = nullptr);

  // With an exchange all processes make the same calls: they start from the
  // state of process 0, which alone writes checkpoints, and take the same
  // steps; one that is asked to stop, or that diverges, stops all. One that
  // fails tells the others why and throws. When one is lost or has failed the
  // others give up the step that was under way, each leaves a checkpoint, and
  // the run ends with kLostProcess: it can go on like an interrupted one, with
  // any number of processes.
  //
  // A checkpoint that cannot be written is an error at the start, before any
  // work. Later, as on a disk that has become full, it ends the run like an
  // interruption; the file then holds the checkpoint before.
  //
  // Trains until the last epoch, until patience runs out, until the monitor
  // asks to stop or until a loss or gradient is no longer finite. The model is
  // usable in each case; in the last one the run is back at its last
  // checkpoint, a temporary one after a whole epoch where no path was given.
  TrainResult run(Monitor& monitor);

  // Gives the model the parameters of the best epoch, where patience looked for
  // one. What `state` returned before is what a resumed run needs.
  void keep_best();

  // All that it takes to go on: the model's parameters ("model."), the
  // optimiser's ("adam."), and the TrainState ("run.", "best."). The tensors
  // share the memory of the run: copy what is to outlive a change of it.
  std::vector<NamedTensor> state() const;

  // Goes on from there. Throws Error(kFile) when it does not fit the task.
  void load_state(const std::vector<NamedTensor>& state);

 private:
  enum class End { kEpoch, kInterrupted, kDiverged, kLost };
  enum class Stepped { kDone, kNoCells, kStopped, kDiverged };
  using Clock = std::chrono::steady_clock;

  End train_epoch(Monitor& monitor);
  bool diverged_unseen();
  bool on_cpu() const { return task_.device().is_cpu(); }
  bool layers_may_step() const;
  bool is_alone() const { return exchange_ == nullptr; }
  bool is_first() const { return is_alone() || exchange_->rank() == 0; }
  Stepped step(LossMeter& meter);
  End train(Monitor& monitor);
  TrainResult end_of(End end);
  bool keeps_going(const LossMeter::Reading& reading, Monitor& monitor);
  bool report(LossMeter& meter, Monitor& monitor, bool force, End& end);
  void finish_epoch();
  bool is_finished() const;
  void roll_back();

  // With other processes.
  void meet();
  void share_state();
  StepReport own_step();
  Stepped step_together(LossMeter& meter);
  std::vector<double> measure();

  double progress() const;
  bool is_due() const;
  bool save();
  End stop_unsaved();

  Task& task_;
  RunColumns columns_;
  RunOptions options_;
  CheckpointFile checkpoint_;
  int64_t steps_unsaved_ = 0;  // since it was written
  Exchange* exchange_;
  std::unique_ptr<StepExchange> steps_;  // with other processes
  bool shared_ = false;                  // all have one state
  bool stop_asked_ = false;  // of this process, reported with a step
  double weight_ = 0;        // of the last step: what its means are over
  Adam adam_;
  TrainState state_;
  Divergence divergence_;

  // Set by train_epoch for the time of one epoch.
  EpochRecord record_;
  Clock::time_point started_, reported_;
  double seconds_before_ = 0;  // of this epoch, before it was resumed
};

}  // namespace sailer
