// Running sums of the loss parts over an epoch. A step leaves its numbers where
// they are, on the model's device: adding them up there would take as many
// launches as a layer. Those of all steps since the last reading are fetched
// together, which waits for the device.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "task.h"

namespace sailer {

class LossMeter {
 public:
  // Goes on from the sums of the parts times their weight.
  LossMeter(const std::vector<double>& sums, double weight);

  // The loss of the minibatch that begins at `position` of the epoch. Nothing
  // may change its parts afterwards.
  void add(const StepLoss& loss, int64_t position);

  // The sums of the parts; and where the first loss that is not finite began,
  // -1 when all were.
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
