// Adam (Kingma and Ba 2015) with coupled L2 decay, as PyTorch's Adam computes
// it: in one pass over the parameters on the CPU, and by tensor operations, as
// few launches as LibTorch offers, on a device.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "../models/compute_options.h"
#include "../support/adam_update.h"
#include "../support/parameters.h"

namespace sailer {

class Adam {
 public:
  // On the CPU under Engine::kFused our own kernel moves the parameters; under
  // kTensor and on a device tensor operations do.
  Adam(const std::vector<NamedTensor>& parameters, double weight_decay,
       Engine engine = Engine::kFused);

  // Moves every parameter that has a gradient, and forgets the gradients.
  void step(double learning_rate) {
    begin_step(learning_rate);
    finish_step();
  }

  // The same in pieces: between the two, parameters can be handed to layers
  // that move them on their own while they make the gradient.
  void begin_step(double learning_rate);

  // The parameter of this name, for its layer to update; finish_step() then
  // leaves it alone. Throws Error(kArgument) when there is none, outside of a
  // step or for a parameter that our kernel does not move: see
  // layers_can_step().
  AdamUpdate update_of(const std::string& name);
  void finish_step();

  // True where parameters can be moved by layers: on the CPU, by our kernel.
  bool layers_can_step() const;

  // False when the last step wrote a number that is not finite, by layers
  // too. Costs nothing where our kernel moves parameters; elsewhere it reads
  // all moments and waits for the device, so ask it seldom there.
  bool finite() const;

  // Number of steps taken.
  int64_t n_steps() const;

  // Copies of the moments and the number of steps on the CPU: for each
  // parameter "first.<name>" and "second.<name>", and last "steps", a single
  // int64. load_state() takes them back; it throws as
  // ParameterSet::load_state() does, and then nothing has changed.
  std::vector<NamedTensor> state() const { return moments_.state(); }
  // The same without copying: shared with the optimiser.
  std::vector<NamedTensor> tensors() const { return moments_.tensors(); }
  void load_state(const std::vector<NamedTensor>& state);

 private:
  bool by_kernel(const at::Tensor& parameter) const;
  void step_by_tensors(const std::vector<size_t>& moved);

  std::vector<NamedTensor> parameters_;
  std::vector<at::Tensor> first_, second_;
  at::Tensor steps_;      // int64 [1], on the CPU
  ParameterSet moments_;  // all of these, by name
  std::vector<bool> stepped_by_layer_;
  kernels::AdamCoefficients coefficients_;
  double learning_rate_ = 0;
  double step_number_ = 0;
  Engine engine_;
  bool in_step_ = false;
  std::shared_ptr<std::atomic<bool>> finite_;
};

// Scales the gradients of all parameters by one factor, at most 1, so that the
// L2 norm of all together is at most `norm`, as PyTorch's clip_grad_norm_()
// does; 0 never does. Parameters without a gradient are left out. Does not wait
// for a device.
void clip_gradients(const std::vector<NamedTensor>& parameters, double norm);

}  // namespace sailer
