// What a Trainer trains: a model, its minibatches and the parts of its loss.
//
// The Trainer owns the run (epochs, optimiser, exchange between processes,
// checkpoints, history, patience, interruption); a Task owns what is particular
// to a model: which cells come when, the loss, the schedule, the validation.
//
// Contract for implementations:
//  * everything that a step draws depends on the seed, the epoch, the position
//    in the epoch and the cells alone, so that a run can go on from any step;
//  * step() leaves in the parameters the gradient of the loss that is
//    minimised, a mean over the `weight` that it returns;
//  * nothing is printed and no clock is read;
//  * where several processes train together (step_exchange.h) each has a task
//  of
//    the same cells, minibatches and positions. Of each minibatch step()
//    computes a share: gradients and parts of the loss add up over the
//    processes to those that one process would have. It moves nothing itself.
//
// To add a task: derive from Task, and give the Trainer an object of it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../support/parameters.h"
#include "adam.h"
#include "train_state.h"

namespace sailer {

// What came of a minibatch.
struct StepLoss {
  // One number for each part of the loss, means over `weight`, or this process'
  // shares of them; the first is what was minimised. Detached, on the model's
  // device.
  at::Tensor parts;
  // What the means are over: cells, or masked genes, of the whole minibatch.
  double weight = 0;
};

class Task {
 public:
  virtual ~Task() = default;

  virtual ParameterSet& parameters() = 0;
  virtual at::Device device() const = 0;

  // Cells of an epoch.
  virtual int64_t n_training() const = 0;

  // Names of the columns of the history, beside "epoch", "seconds" and
  // "cells_per_second": what is set for an epoch ("learning_rate"), the parts
  // of the loss ("loss" first), what is measured on the cells held out.
  virtual RunColumns columns() const = 0;

  // Values of the settings at the start of an epoch, counted from 0.
  virtual std::vector<double> settings_of(int64_t epoch) const = 0;

  // Step size for the minibatch that begins at this position of the epoch.
  virtual double learning_rate(int64_t epoch, int64_t position) const = 0;

  // Serves the cells of an epoch from `position` on, the start of a minibatch.
  virtual void start_epoch(int64_t epoch, int64_t position) = 0;

  // Ends reading ahead: afterwards no thread of the task uses HDF5.
  virtual void stop() = 0;

  // Fetches the next minibatch; false at the end of the epoch.
  virtual bool next() = 0;
  virtual int64_t n_cells() const = 0;  // of that minibatch

  // Cells of the minibatch that begins at `position`, for messages.
  virtual std::vector<int64_t> cells_at(int64_t epoch,
                                        int64_t position) const = 0;

  // Forward and backward for the minibatch fetched last. With `layers_may_step`
  // the task may have its layers move parameters that it takes from `adam`
  // (Adam::update_of()) while it makes their gradients. Throws Error(kNumeric)
  // where the loss is not finite and that costs nothing to know, unless others
  // wait for what would still be computed.
  virtual StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                        bool layers_may_step) = 0;

  // Whether a step makes each gradient once, so that it can be added up over
  // the processes while others are still computed.
  virtual bool has_one_backward() const { return false; }

  // What is measured, means over the cells held out, of several processes over
  // those that this one looks at; NaN without any. The same each time for the
  // same parameters.
  virtual std::vector<double> measure() = 0;

  // True where there are cells held out.
  virtual bool has_validation() const = 0;

  // What the means of the last measure() are over, such as the number of cells:
  // where several processes train together, the mean of theirs is taken.
  virtual double validation_weight() const { return has_validation() ? 1 : 0; }

  // What patience looks at, of measure(): larger is better.
  virtual double score(const std::vector<double>& measures) const = 0;

  // Epochs beyond this one are judged by their score, and patience counts from
  // it on.
  virtual int64_t patience_from() const { return 0; }
};

}  // namespace sailer
