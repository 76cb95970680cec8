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
  kLostProcess  // one of the other processes of the run was lost
};

// Where the loss or a gradient became non-finite.
struct Divergence {
  int64_t epoch = 0;           // from 1
  std::vector<int64_t> cells;  // of the minibatch
};

struct TrainResult {
  TrainStatus status = TrainStatus::kCompleted;
  RunColumns columns;  // of the history
  std::vector<EpochRecord> history;
  int64_t best_epoch = 0;  // the epoch whose parameters were kept, from 1
  Divergence divergence;   // if the status is kDiverged
  std::string lost;        // why, if the status is kLostProcess
  std::string unsaved;     // why a checkpoint could not be written; else empty
};

class Trainer {
 public:
  // The task, and the exchange with other processes if there are any, must
  // outlive the trainer.
  Trainer(Task& task, const RunOptions& options,
          const Checkpoint& checkpoint = {}, Exchange* exchange = nullptr);

  // Trains until the last epoch, until patience runs out, until the monitor
  // asks to stop or until a loss or gradient is no longer finite. In the last
  // case the run is back at its last checkpoint: without a path, a temporary
  // one, written after a whole epoch. The model is usable in each case, unless
  // it diverged in the first epoch of a new run without a path, which has no
  // checkpoint yet. Throws Error(kNumeric) if a later epoch diverged, but no
  // checkpoint could be written.
  //
  // If a checkpoint at a given path cannot be written, this throws at the
  // start, before any work. Later, such as when the disk becomes full, it ends
  // the run like an interruption; the file then still holds the previous
  // checkpoint.
  //
  // With an exchange, all processes must make the same calls. They start from
  // the state of process 0, which alone writes checkpoints, and take the same
  // steps; if one is asked to stop, or diverges, all stop. A process that fails
  // reports the reason to the others and throws. If one is lost or has failed,
  // the others abandon the current step, each of them writes a checkpoint if
  // there is a path, and the run ends with kLostProcess: it can be resumed like
  // an interrupted one, with any number of processes.
  TrainResult run(Monitor& monitor);

  // Sets the model's parameters to those of the best epoch, if patience looked
  // for one. A resumed run needs what state() returned before this call.
  void keep_best();

  // Everything needed to resume: the model's parameters ("model."), the
  // optimiser's ("adam."), and the TrainState ("run.", "best."). The tensors
  // share the memory of the run: copy what must not change with it.
  std::vector<NamedTensor> state() const;

  // Resumes from that state. Throws Error(kFile) if it does not fit the task.
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
  int64_t steps_unsaved_ = 0;  // since the last save()
  Exchange* exchange_;
  std::unique_ptr<StepExchange> steps_;  // only with other processes
  bool shared_ = false;                  // all have the same state
  bool stop_asked_ = false;  // of this process, reported with a step
  double weight_ = 0;        // of the means of the last step
  Adam adam_;
  TrainState state_;
  Divergence divergence_;

  // Set by train_epoch() for the duration of one epoch.
  EpochRecord record_;
  Clock::time_point started_, reported_;
  double seconds_before_ = 0;  // spent on this epoch before it was resumed
};

}  // namespace sailer
