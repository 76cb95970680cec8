#include "parameters.h"

#include <ATen/ATen.h>

#include "error.h"

namespace sailer {
namespace {

std::string shape_of(const at::Tensor& tensor) {
  std::string text;
  for (int64_t size : tensor.sizes()) {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  }
  return text.empty() ? "a single value" : text;
}

}  // namespace

std::vector<NamedTensor> ParameterSet::tensors() const {
  std::vector<NamedTensor> all = parameters_;
  all.insert(all.end(), buffers_.begin(), buffers_.end());
  for (NamedTensor& entry : all) entry.tensor = entry.tensor.detach();
  return all;
}

std::vector<NamedTensor> ParameterSet::state() const {
  std::vector<NamedTensor> copies = tensors();
  for (NamedTensor& entry : copies) {
    entry.tensor = entry.tensor.to(at::kCPU, /*non_blocking=*/false,
                                   /*copy=*/true);
  }
  return copies;
}

void ParameterSet::load_state(const std::vector<NamedTensor>& state) {
  std::vector<NamedTensor> own = parameters_;
  own.insert(own.end(), buffers_.begin(), buffers_.end());
  if (state.size() != own.size()) {
    throw_error(ErrorKind::kFile, "The saved model holds ", state.size(),
                " tensors where this architecture has ", own.size(), ".");
  }
  for (size_t k = 0; k < own.size(); ++k) {
    if (state[k].name != own[k].name ||
        state[k].tensor.sizes() != own[k].tensor.sizes()) {
      throw_error(ErrorKind::kFile, "The saved model's tensor '", state[k].name,
                  "' (", shape_of(state[k].tensor), ") does not fit '",
                  own[k].name, "' (", shape_of(own[k].tensor),
                  ") of this architecture.");
    }
  }
  at::NoGradGuard no_grad;
  for (size_t k = 0; k < own.size(); ++k) {
    own[k].tensor.copy_(state[k].tensor);
  }
}

}  // namespace sailer
