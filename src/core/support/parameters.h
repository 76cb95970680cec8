// Named tensors: what an optimiser updates and what a model file holds.
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "n_of.h"

namespace sailer {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

// The learned parameters and the running statistics of a model, in a fixed
// order. Layers register what they own; tensors are shared, not copied.
class ParameterSet {
 public:
  at::Tensor add_parameter(const std::string& name, at::Tensor value) {
    value.set_requires_grad(true);
    parameters_.push_back({name, value});
    return value;
  }
  at::Tensor add_buffer(const std::string& name, const at::Tensor& value) {
    buffers_.push_back({name, value});
    return value;
  }

  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  const std::vector<NamedTensor>& buffers() const { return buffers_; }

  // All tensors, parameters first. They share the memory of the model.
  std::vector<NamedTensor> tensors() const;

  // The same, copied to the CPU.
  std::vector<NamedTensor> state() const;

  // Copies the values of `state`. Throws Error(kFile) if the number of tensors
  // differs, or if a tensor has another name or shape (naming the first one);
  // then nothing is changed.
  void load_state(const std::vector<NamedTensor>& state);

 private:
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
};

}  // namespace sailer
