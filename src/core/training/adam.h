// Adam (Kingma and Ba 2015) with coupled L2 decay, as PyTorch's Adam computes
// it, in one pass over the parameters on the CPU.
#pragma once

#include <torch/types.h>

#include <vector>

#include "../support/parameters.h"

namespace sailer {

class Adam {
 public:
  Adam(const std::vector<NamedTensor>& parameters, double weight_decay);

  // Moves every parameter that has a gradient, and forgets the gradients.
  void step(double learning_rate);

  void begin_step(double learning_rate) { learning_rate_ = learning_rate; }
  void finish_step() { step(learning_rate_); }
  bool finite() const;
  std::vector<NamedTensor> state() const;
  void load_state(const std::vector<NamedTensor>& state);

 private:
  double learning_rate_ = 0;
  std::vector<NamedTensor> parameters_;
  std::vector<at::Tensor> first_, second_;
  double weight_decay_;
  int64_t n_steps_ = 0;
};

}  // namespace sailer
