// The Exchange over LibTorch's c10d: Gloo on the CPU, NCCL on CUDA where this
// LibTorch has it (elsewhere CUDA's numbers take the way over the CPU).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "../support/exchange.h"

namespace sailer {

// Where and how the processes of a run meet.
struct Meeting {
  std::string address = "127.0.0.1";  // of process 0
  int64_t port = 29500;               // process 0 listens there; 0: not allowed
  int64_t rank = 0;
  int64_t size = 1;
  // Seconds to wait for the others: when they meet and in each exchange.
  double timeout = 600;
  at::Device device = at::kCPU;  // of the models
};

// True where this LibTorch's c10d was proved by `configure`.
bool can_join_processes();

// Meets the other processes: all of them call it, with the same address, port
// and size. Throws Error(kProcess) that names what was waited for when they are
// not there in time, and Error(kArgument) where can_join_processes() is false
// or a value is out of its range.
std::unique_ptr<Exchange> join_processes(const Meeting& meeting);

}  // namespace sailer
