// What the processes of one run tell each other while they train together.
//
// Every process holds the whole model and trains on cells of its own; after
// each minibatch the gradients are averaged, so that all take the same step and
// the parameters stay the same bits everywhere.
//
// Contract for implementations of Exchange: every process makes the same calls
// in the same order; sum() leaves the same bits in all of them. A call in which
// another process is lost, or silent for too long, throws Error(kProcess) that
// says so; afterwards the object is of no use. To add one, derive from
// Exchange; that over LibTorch's c10d is in exchange_c10d.h.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../support/parameters.h"
#include "sampler.h"
#include "train_state.h"

namespace sailer {

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual int64_t rank() const = 0;  // from 0
  virtual int64_t size() const = 0;

  // Adds the tensor up over all processes, in place. Contiguous, of one shape
  // and type everywhere, on any device.
  virtual void sum(at::Tensor tensor) = 0;

  // Everyone takes the values of process 0.
  virtual void broadcast(at::Tensor tensor) = 0;
};

// One number of each process, by rank, told to all.
std::vector<double> of_each(Exchange& exchange, double own);

// Means over what all processes have, weighted by `weight`; NaN where it is 0
// in all of them.
std::vector<double> mean_of_all(Exchange& exchange,
                                const std::vector<double>& own, double weight);

// Everyone takes the run of process 0: where it stands, and the values of
// `parameters` and `moments`.
void share_run(Exchange& exchange, const RunColumns& columns, TrainState& state,
               const ParameterSet& parameters,
               const std::vector<NamedTensor>& moments);

// What one process brings to a step.
struct OwnStep {
  std::vector<double> sums;  // parts of the loss times `weight`
  double weight = 0;         // 0: it has no cells left
  int64_t n_cells = 0;
  double learning_rate = 0;  // that of process 0 counts
  bool stop = false;         // it was asked to stop
  bool bad = false;          // something was not finite
};

// What all of them together came to, the same everywhere.
struct SharedStep {
  std::vector<double> sums;
  double weight = 0;
  std::vector<int64_t> n_cells;  // of each process
  double learning_rate = 0;
  bool stop = false;
  bool bad = false;
};

// Averages steps through one flat buffer, one sum() for each: gradients and the
// models' running statistics, weighted by what their losses were means over,
// with all of OwnStep behind them.
class StepExchange {
 public:
  // Both must outlive it.
  StepExchange(Exchange& exchange, ParameterSet& parameters, size_t n_parts);

  // Remembers the running statistics, which a forward pass moves: call it
  // before the own step.
  void begin();

  // Leaves the mean gradient in every parameter that has one in any process,
  // and the mean of the running statistics in the buffers. Where there is
  // nothing to average (`weight` 0), or it throws, the step is given up: no
  // gradients, and the statistics of before. `bad` steps stay as they are.
  SharedStep average(const OwnStep& own);

 private:
  void pack(const OwnStep& own);
  void unpack(double weight);
  void give_up();

  Exchange& exchange_;
  ParameterSet& parameters_;
  size_t n_parts_;
  int64_t n_values_ = 0, n_tail_ = 0;
  at::Tensor flat_;                  // gradients, running statistics, tail
  std::vector<at::Tensor> parts_;    // of it, one for each tensor
  std::vector<NamedTensor> before_;  // running statistics
};

}  // namespace sailer
