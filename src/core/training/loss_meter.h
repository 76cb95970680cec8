// Running sums of the loss parts over an epoch. They stay on the model's
// device: a step never waits for a number; reading them does.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "task.h"

namespace sailer {

class LossMeter {
 public:
  // Goes on from the sums of the parts times their weight.
  LossMeter(const std::vector<double>& sums, double weight,
            const at::Device& device);

  // The loss of the minibatch that begins at `position` of the epoch.
  void add(const StepLoss& loss, int64_t position);

  // Reads from the device: the sums of the parts; and where the first loss that
  // is not finite began, -1 when all were.
  struct Reading {
    std::vector<double> sums;
    double weight = 0;
    int64_t bad_position = -1;
    double mean(size_t part) const;
  };
  Reading read() const;

 private:
  at::Tensor sums_;          // [parts], double
  at::Tensor bad_position_;  // scalar, int64
  double weight_;
};

}  // namespace sailer
