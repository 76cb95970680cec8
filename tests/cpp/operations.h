// Which tensor operations a piece of code calls: on the CPU too this shows
// whether it would wait for a GPU.
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
  int depth;  // 0 if called by the code itself, not by another operation
};

inline std::vector<Operation>& recorded_operations() {
  static thread_local std::vector<Operation> operations;
  return operations;
}

inline int& recording_depth() {
  static thread_local int depth = 0;
  return depth;
}

inline std::unique_ptr<at::ObserverContext> enter_operation(
    const at::RecordFunction& function) {
  recorded_operations().push_back({function.name(), recording_depth()++});
  return nullptr;
}

inline void leave_operation(const at::RecordFunction&, at::ObserverContext*) {
  --recording_depth();
}

// The operations that `code` calls in this thread, in their order.
inline std::vector<Operation> operations_of(const std::function<void()>& code) {
  recorded_operations().clear();
  const at::CallbackHandle handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(enter_operation, leave_operation)
          .scopes({at::RecordScope::FUNCTION}));
  code();
  at::removeCallback(handle);
  return recorded_operations();
}

// Those among them that fetch a value from the device, or a size that depends
// on values: on a GPU each waits for all work before it.
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

}  // namespace sailer_test
