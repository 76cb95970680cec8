// Adam (Kingma and Ba 2015) with coupled L2 decay, computed as PyTorch's Adam
// does: in one pass over the parameters on the CPU, and by tensor operations on
// a device, with as few launches as LibTorch allows.
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
  // On the CPU with Engine::kFused, our own kernel updates the parameters; with
  // kTensor, or on a device, tensor operations do.
  Adam(const std::vector<NamedTensor>& parameters, double weight_decay,
       Engine engine = Engine::kFused);

  // Updates every parameter that has a gradient, and clears the gradients.
  void step(double learning_rate) {
    begin_step(learning_rate);
    finish_step();
  }

  // step() in two parts: between the two calls, parameters can be handed to
  // layers that update them while they compute the gradient.
  void begin_step(double learning_rate);

  // Returns what the layer that owns the parameter `name` needs to update it;
  // finish_step() then leaves it alone. Throws Error(kArgument) if there is no
  // such parameter, outside a step, or if our kernel does not update that
  // parameter: see layers_can_step().
  AdamUpdate update_of(const std::string& name);
  void finish_step();

  // True if layers can update parameters: on the CPU, with our kernel.
  bool layers_can_step() const;

  // False if the last step, including updates by layers, wrote a number that is
  // not finite. Costs nothing if our kernel updates the parameters; otherwise
  // it reads all parameters and second moments and waits for the device, so
  // call it rarely then.
  bool finite() const;

  // Number of steps taken.
  int64_t n_steps() const;

  // Copies of the moments and the number of steps, on the CPU:
  // "first.<name>" and "second.<name>" for each parameter, and last "steps", a
  // single int64. load_state() restores them; it throws like
  // ParameterSet::load_state(), and then nothing has changed.
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

// Scales the gradients of all parameters by a common factor, at most 1, so that
// their joint L2 norm is at most `norm`, like PyTorch's clip_grad_norm_(); a
// `norm` of 0 turns this off. Skips parameters without a gradient. Does not
// wait for a device.
void clip_gradients(const std::vector<NamedTensor>& parameters, double norm);

}  // namespace sailer
