// Queries NVIDIA's driver at run time, so that nothing of CUDA is needed to
// build this.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

namespace sailer {

// Returns the compute capability, major * 10 + minor (80 for an A100, 90 for an
// H100), or 0 if `device` is not a CUDA device or there is no driver.
int cuda_capability(const at::Device& device);

// Returns the number of free bytes on `device`, or 0 if it cannot be determined
// (on the CPU, or without a driver).
int64_t free_device_bytes(const at::Device& device);

struct CudaDriver {
  bool found = false;  // libcuda.so.1
  int status = 0;      // of its initialisation: 0, or 100 if it sees no GPU
  int version = 0;     // newest CUDA that it supports: 12040 is 12.4
};

CudaDriver find_cuda_driver();

// Explains why a LibTorch with CUDA sees no GPU, and what would help. `visible`
// is the value of CUDA_VISIBLE_DEVICES, or null if it is not set.
std::string why_no_cuda_gpu(const CudaDriver& driver, const char* visible);

}  // namespace sailer
