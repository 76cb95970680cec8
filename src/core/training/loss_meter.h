// Running sums of the loss parts over an epoch. They stay on the model's
// device: a step never waits for a number; reading them does.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

#include "../models/sailer_model.h"

namespace sailer {

class LossMeter {
 public:
  // Goes on from the sums over `n_cells` cells.
  LossMeter(const std::array<double, 5>& sums, int64_t n_cells,
            const at::Device& device);

  // The loss of the `n_cells` cells that begin at `position` of the epoch.
  void add(const SailerLoss& loss, int64_t position, int64_t n_cells);

  // Reads from the device: sums of loss, reconstruction, kl, marginal and
  // alignment; and
  // where the first loss that is not finite began, -1 when all were.
  struct Reading {
    std::array<double, 5> sums{};
    int64_t n_cells = 0;
    int64_t bad_position = -1;
    double mean(size_t part) const;
  };
  Reading read() const;

 private:
  at::Tensor sums_;          // [5], double
  at::Tensor bad_position_;  // scalar, int64
  int64_t n_cells_;
};

}  // namespace sailer
