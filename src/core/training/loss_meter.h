// Running sums of the loss parts over an epoch. The parts of each step stay on
// the model's device, but are not summed there, which would take as many
// launches as a layer. read() fetches those of all steps since the last reading
// together, and waits for the device.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "task.h"

namespace sailer {

class LossMeter {
 public:
  // Continues from the sums of the parts times their weight, and the sum of the
  // weights.
  LossMeter(const std::vector<double>& sums, double weight);

  // Adds the loss of the minibatch that begins at `position` of the epoch. Its
  // parts must not be changed afterwards.
  void add(const StepLoss& loss, int64_t position);

  // The sums of the parts and of the weights, and the position of the first
  // minibatch whose loss is not finite, or -1 if all are.
  struct Reading {
    std::vector<double> sums;
    double weight = 0;
    int64_t bad_position = -1;
    double mean(size_t part) const;
  };
  Reading read();

 private:
  struct Step {
    StepLoss loss;
    int64_t position;
  };
  void fetch();

  std::vector<Step> unread_;
  at::Tensor sums_;  // [parts], double, on the CPU
  double weight_;
  int64_t bad_position_ = -1;
};

}  // namespace sailer
