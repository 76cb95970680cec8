// How the processes that train one model together combine numbers.
//
// Contract for implementations: every process makes the same calls in the same
// order; a sum leaves the same bits in all of them. A call in which another
// process is lost, has failed, or is silent for too long throws Error(kProcess)
// that says so; afterwards the object is of no use. To add one, derive from
// Exchange; that over LibTorch's c10d is in training/exchange_c10d.h.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace sailer {

class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual int64_t rank() const = 0;  // from 0
  virtual int64_t size() const = 0;

  // Begins to add the tensor up over all processes, in place, and returns what
  // waits for the end. Until then the tensor must neither be read nor written.
  // Contiguous, of one shape and type everywhere, on any device.
  using Wait = std::function<void()>;
  virtual Wait begin_sum(at::Tensor tensor) = 0;
  void sum(const at::Tensor& tensor) { begin_sum(tensor)(); }

  // Everyone takes the values of process 0.
  virtual void broadcast(at::Tensor tensor) = 0;

  // Tells the others that this process has failed, and why, before it leaves:
  // their calls throw within seconds. Never throws.
  virtual void leave(const std::string& reason) noexcept = 0;
};

}  // namespace sailer
