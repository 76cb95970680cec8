// Records which tensor operations a piece of code calls. Even on the CPU this
// shows whether the code would wait for a GPU.
#pragma once

#include <ATen/record_function.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sailer_test {

struct Operation {
  std::string name;
  std::string overload;
  int depth;         // 0 if called by the code itself, not by another operation
  std::string node;  // node of the backward pass that calls it, or ""
};

inline std::vector<Operation>& recorded_operations() {
  static thread_local std::vector<Operation> operations;
  return operations;
}

inline int& recording_depth() {
  static thread_local int depth = 0;
  return depth;
}

inline std::string& recorded_node() {
  static thread_local std::string node;
  return node;
}

inline std::unique_ptr<at::ObserverContext> enter_operation(
    const at::RecordFunction& function) {
  if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
    recorded_node() = function.name();
    return nullptr;
  }
  const auto full = function.operator_name();
  recorded_operations().push_back({function.name(),
                                   full.has_value() ? full->overload_name : "",
                                   recording_depth()++, recorded_node()});
  return nullptr;
}

inline void leave_operation(const at::RecordFunction& function,
                            at::ObserverContext*) {
  if (function.scope() == at::RecordScope::BACKWARD_FUNCTION) {
    recorded_node().clear();
  } else {
    --recording_depth();
  }
}

// The operations that `code` calls in this thread, in order.
inline std::vector<Operation> operations_of(const std::function<void()>& code) {
  recorded_operations().clear();
  const at::CallbackHandle handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(enter_operation, leave_operation)
          .scopes(
              {at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  code();
  at::removeCallback(handle);
  return recorded_operations();
}

// The operations of `code` that fetch a value from the device, or a size that
// depends on values: on a GPU each of them waits for all preceding work.
inline std::vector<std::string> waits_of(const std::function<void()>& code,
                                         int max_depth = 1000) {
  const std::vector<std::string> waiting = {"aten::_local_scalar_dense",
                                            "aten::item",
                                            "aten::is_nonzero",
                                            "aten::nonzero",
                                            "aten::masked_select",
                                            "aten::equal",
                                            "aten::allclose",
                                            "aten::repeat_interleave",
                                            "aten::unique",
                                            "aten::_unique2",
                                            "aten::unique_dim",
                                            "aten::unique_consecutive",
                                            "aten::bincount"};
  std::vector<std::string> found;
  for (const Operation& operation : operations_of(code)) {
    if (operation.depth > max_depth) continue;
    if (std::find(waiting.begin(), waiting.end(), operation.name) !=
        waiting.end()) {
      found.push_back(operation.name);
    }
  }
  return found;
}

// The calls that move a tensor to a named device, even if it is there already,
// as it always is on the CPU. Data made on the host must reach a device only
// through to_device(), which does not wait. Not counted: the backward pass of a
// type conversion, where LibTorch names the device of the gradient.
inline std::vector<std::string> moves_of(const std::function<void()>& code) {
  std::vector<std::string> found;
  for (const Operation& operation : operations_of(code)) {
    const bool moves =
        operation.name == "aten::to" &&
        operation.node.find("ToCopyBackward") == std::string::npos &&
        (operation.overload == "device" ||
         operation.overload == "dtype_layout");
    if (moves) found.push_back(operation.name + "." + operation.overload);
  }
  return found;
}

}  // namespace sailer_test
