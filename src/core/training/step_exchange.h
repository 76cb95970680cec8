// What the processes of one run exchange while they train together.
//
// Every process holds the whole model and computes a part of the cells of each
// minibatch; the gradients are summed, so that all processes take the same step
// and their parameters stay bitwise identical.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../linear/cell_rows.h"
#include "../support/exchange.h"
#include "../support/parameters.h"
#include "sampler.h"
#include "train_state.h"

namespace sailer {

// Which process this is: rank 0 of 1 if there is no exchange.
Shard shard_of(const Exchange* exchange);

// Throws Error(kArgument) unless a minibatch has a cell for every process.
void check_batch_size(int64_t batch_size, const Exchange* exchange);

// The value of process 0, on every process; `own` if there is no exchange.
int64_t of_first(Exchange* exchange, int64_t own);

// Divides the passes over `cells` among the processes, such that all get the
// same sums. Does nothing if there is no exchange.
void share_rows(CellRows& cells, Exchange* exchange);

// The sum of `own` over all processes.
double sum_of_all(Exchange& exchange, double own);

// Means of `own` over all processes, weighted by `weight`; NaN if that is 0 in
// all of them.
std::vector<double> mean_of_all(Exchange& exchange,
                                const std::vector<double>& own, double weight);

// Copies the run of process 0 to all processes: its `state`, and the values of
// `parameters` and `moments`.
void share_run(Exchange& exchange, const RunColumns& columns, TrainState& state,
               const ParameterSet& parameters,
               const std::vector<NamedTensor>& moments);

// What one process contributes to a step, or the combined result of all
// processes, which is the same on each.
struct StepReport {
  std::vector<double> parts;  // of the loss: this process' share, or the sum
  bool stop = false;          // this process, or any, was asked to stop
  bool bad = false;           // here, or anywhere, something was not finite
};

// Sums the gradients of a step over all processes. Gradients are grouped into
// buckets, in the order in which a backward pass computes them: the last layers
// first. With `early`, a bucket is sent as soon as its gradients are ready,
// while the backward pass computes those of other layers; for this, all
// processes must compute the same gradients, once per step.
class StepExchange {
 public:
  // Maximum number of values in a bucket, unless a single parameter has more:
  // large enough that a message is worth its latency, and small enough that the
  // first bucket is soon full.
  static constexpr int64_t kBucketNumbers = int64_t{1} << 18;

  // Both the exchange and the parameters must outlive this object.
  StepExchange(Exchange& exchange, const ParameterSet& parameters, bool early,
               int64_t bucket_numbers = kBucketNumbers);
  ~StepExchange();
  StepExchange(const StepExchange&) = delete;
  StepExchange& operator=(const StepExchange&) = delete;

  // Call before this process' own step. Saves the running statistics, because a
  // forward pass changes them.
  void begin();

  // Sets the gradient of every parameter that has one in any process to the sum
  // over the processes, and returns the combined report. After a `bad` step no
  // parameter has a gradient.
  StepReport finish(const StepReport& own);

  // Call after an error in the own step or in finish(). Clears the gradients
  // and restores the running statistics.
  void give_up();

 private:
  struct Bucket {
    std::vector<size_t> members;   // indices of the parameters
    std::vector<at::Tensor> sums;  // of their gradients; views of `flat`
    at::Tensor flat;               // undefined if there is only one member
    size_t n_ready = 0;
    Exchange::Wait wait;  // empty until the bucket is sent
  };
  struct Hooks;

  void make_buckets(int64_t bucket_numbers);
  void gradient_is_there(size_t bucket);
  void start(Bucket& bucket);
  void end(Bucket& bucket, const std::vector<bool>& has_gradient);
  StepReport exchange_reports(const StepReport& own,
                              std::vector<bool>& has_gradient);
  at::Tensor parameter(size_t k) const {
    return parameters_.parameters()[k].tensor;
  }

  Exchange& exchange_;
  const ParameterSet& parameters_;
  std::vector<Bucket> buckets_;
  size_t n_started_ = 0;             // buckets, in their order
  std::vector<NamedTensor> before_;  // running statistics, before the step
  std::unique_ptr<Hooks> hooks_;     // only with `early`
};

}  // namespace sailer
