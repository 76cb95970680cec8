// What the processes of one run tell each other while they train together.
//
// Every process holds the whole model and computes a part of the cells of each
// minibatch; the gradients are added up, so that all take the same step and the
// parameters stay the same bits everywhere.
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

// Which process this is; the first of one without an exchange.
Shard shard_of(const Exchange* exchange);

// Throws Error(kArgument) unless every process has a cell of a minibatch.
void check_batch_size(int64_t batch_size, const Exchange* exchange);

// What process 0 has, which the others go by; the own without an exchange.
int64_t of_first(Exchange* exchange, int64_t own);

// Of the passes over `cells` each process makes its part, and all come to the
// same sums. Without an exchange all is as it was.
void share_rows(CellRows& cells, Exchange* exchange);

// The sum of what the processes have.
double sum_of_all(Exchange& exchange, double own);

// Means over what all processes have, weighted by `weight`; NaN where it is 0
// in all of them.
std::vector<double> mean_of_all(Exchange& exchange,
                                const std::vector<double>& own, double weight);

// Everyone takes the run of process 0: where it stands, and the values of
// `parameters` and `moments`.
void share_run(Exchange& exchange, const RunColumns& columns, TrainState& state,
               const ParameterSet& parameters,
               const std::vector<NamedTensor>& moments);

// What one process brings to a step, and what all of them together come to, the
// same everywhere.
struct StepReport {
  std::vector<double> parts;  // of the loss: shares, and their sums
  bool stop = false;          // it was asked to stop; any of them was
  bool bad = false;           // something was not finite
};

// Adds up the gradients of a step over all processes. They are cut into
// buckets, in the order in which a backward pass makes them: the last layers
// first. With `early` a bucket is under way as soon as its gradients are there,
// while the backward pass makes those of other layers; for that all processes
// must make the same gradients, once a step.
class StepExchange {
 public:
  // Numbers of a bucket, but for a single parameter that has more: enough that
  // a message is worth its latency, and few enough that the first is soon full.
  static constexpr int64_t kBucketNumbers = int64_t{1} << 18;

  // Both must outlive it.
  StepExchange(Exchange& exchange, const ParameterSet& parameters, bool early,
               int64_t bucket_numbers = kBucketNumbers);
  ~StepExchange();
  StepExchange(const StepExchange&) = delete;
  StepExchange& operator=(const StepExchange&) = delete;

  // Call it before the own step. Remembers the running statistics, which a
  // forward pass moves.
  void begin();

  // Leaves the sum in every parameter that has a gradient in any process. Those
  // of a `bad` step are of no use.
  StepReport finish(const StepReport& own);

  // After an error in the own step or in finish(): no gradients, and the
  // statistics of before.
  void give_up();

 private:
  struct Bucket {
    std::vector<size_t> members;   // places among the parameters
    std::vector<at::Tensor> sums;  // of them, parts of `flat`
    at::Tensor flat;               // undefined where a single gradient is large
    size_t n_ready = 0;
    Exchange::Wait wait;  // empty until it is under way
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
  size_t n_started_ = 0;             // of the buckets, in their order
  std::vector<NamedTensor> before_;  // running statistics
  std::unique_ptr<Hooks> hooks_;     // with `early`
};

}  // namespace sailer
