// How the processes that train one model together combine numbers.
//
// Contract for implementations: every process makes the same calls in the same
// order, and a sum has the same bits in all of them. A call throws
// Error(kProcess), with the reason, if another process is lost, has failed, or
// does not answer in time; the object cannot be used after that. To add an
// implementation, derive from Exchange; the one over LibTorch's c10d is in
// training/exchange_c10d.h.
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

  // Starts to sum the tensor over all processes, in place, and returns a
  // function that waits for the end. Until then the tensor must be neither read
  // nor written. It must be contiguous and have the same shape and type in
  // every process; it may be on any device.
  using Wait = std::function<void()>;
  virtual Wait begin_sum(at::Tensor tensor) = 0;
  void sum(const at::Tensor& tensor) { begin_sum(tensor)(); }

  // Copies the values of process 0 to every process.
  virtual void broadcast(at::Tensor tensor) = 0;

  // Tells the other processes, before this one leaves, that it has failed and
  // why: their calls then throw within seconds. Never throws.
  virtual void leave(const std::string& reason) noexcept = 0;
};

}  // namespace sailer
