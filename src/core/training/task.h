// What a Trainer trains: a model, its minibatches and the parts of its loss.
//
// The Trainer owns the run (epochs, optimiser, exchange between processes,
// checkpoints, history, patience, interruption); a Task owns what is specific
// to a model: the order of the cells, the loss, the schedule, the validation.
//
// Contract for implementations:
//  * everything random in a step depends only on the seed, the epoch, the
//    position in the epoch and the cells, so that a run can resume from any
//    step;
//  * step() leaves in the parameters the gradient of the loss to be minimised,
//    which is a mean over the `weight` that it returns;
//  * nothing is printed and no clock is read;
//  * if several processes train together (step_exchange.h), each has a task
//    with the same cells, minibatches and positions. step() computes a share of
//    each minibatch: gradients and parts of the loss, summed over the
//    processes, are those of a single process. It does not update parameters.
//
// To add a task, derive from Task and pass an object of it to the Trainer.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../support/parameters.h"
#include "adam.h"
#include "train_state.h"

namespace sailer {

// Result of a step on one minibatch.
struct StepLoss {
  // One number for each part of the loss: means over `weight`, or this process'
  // shares of the means; the first is the loss that is minimised. Detached, on
  // the model's device.
  at::Tensor parts;
  // Number of cells, or of masked genes, that the means are over, in the whole
  // minibatch.
  double weight = 0;
};

class Task {
 public:
  virtual ~Task() = default;

  virtual ParameterSet& parameters() = 0;
  virtual at::Device device() const = 0;

  // Number of cells in an epoch.
  virtual int64_t n_training() const = 0;

  // Names of the columns of the history, besides "epoch", "seconds" and
  // "cells_per_second": the settings of an epoch ("learning_rate"), the parts
  // of the loss ("loss" first), and the measures on the held-out cells.
  virtual RunColumns columns() const = 0;

  // Values of the settings at the start of an epoch, counted from 0.
  virtual std::vector<double> settings_of(int64_t epoch) const = 0;

  // Step size for the minibatch that begins at this position of the epoch.
  virtual double learning_rate(int64_t epoch, int64_t position) const = 0;

  // Serves the cells of an epoch from `position` on, which must be the start of
  // a minibatch.
  virtual void start_epoch(int64_t epoch, int64_t position) = 0;

  // Stops reading ahead: afterwards no thread of the task uses HDF5.
  virtual void stop() = 0;

  // Fetches the next minibatch; returns false at the end of the epoch.
  virtual bool next() = 0;
  virtual int64_t n_cells() const = 0;  // of that minibatch

  // Cells of the minibatch that begins at `position`, for messages.
  virtual std::vector<int64_t> cells_at(int64_t epoch,
                                        int64_t position) const = 0;

  // Forward and backward pass for the minibatch fetched last. With
  // `layers_may_step`, the task may let its layers update parameters that it
  // takes from `adam` (Adam::update_of()) while it computes their gradients.
  // Throws Error(kNumeric) if the loss is not finite and checking this costs
  // nothing, unless other processes wait for the rest of the computation.
  virtual StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                        bool layers_may_step) = 0;

  // Whether a step computes each gradient only once, so that it can be summed
  // over the processes while other gradients are still being computed.
  virtual bool has_one_backward() const { return false; }

  // The measures: means over the held-out cells, or, with several processes,
  // over this process' part of them; NaN if there are none. The same each time
  // for the same parameters.
  virtual std::vector<double> measure() = 0;

  // True if there are held-out cells.
  virtual bool has_validation() const = 0;

  // What the means of the last measure() are over, such as the number of cells:
  // it weights this process' means if several processes train together.
  virtual double validation_weight() const { return has_validation() ? 1 : 0; }

  // The score that patience uses, from the result of measure(): larger is
  // better.
  virtual double score(const std::vector<double>& measures) const = 0;

  // Only epochs after this one are judged by their score, and patience counts
  // from it.
  virtual int64_t patience_from() const { return 0; }
};

}  // namespace sailer
