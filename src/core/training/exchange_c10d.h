// The Exchange over LibTorch's c10d: Gloo on the CPU, NCCL on CUDA if this
// LibTorch has it (otherwise CUDA tensors go through the CPU).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "../support/exchange.h"

namespace sailer {

// Where and how the processes of a run meet.
struct Meeting {
  std::string address = "127.0.0.1";  // of process 0
  int64_t port = 29500;               // process 0 listens on it; must not be 0
  int64_t rank = 0;
  int64_t size = 1;
  // Seconds to wait for the others: when they meet and in each exchange.
  double timeout = 600;
  at::Device device = at::kCPU;  // of the models
};

// True if `configure` found that this LibTorch's c10d works.
bool can_join_processes();

// Connects to the other processes: all of them must call this, with the same
// address, port and size. Throws Error(kProcess), which names what it waited
// for, if they do not arrive in time, and Error(kArgument) if
// can_join_processes() is false or a value is out of range.
std::unique_ptr<Exchange> join_processes(const Meeting& meeting);

}  // namespace sailer
