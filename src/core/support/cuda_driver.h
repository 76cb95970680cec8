// What NVIDIA's driver says when it is asked at run time: nothing of CUDA is
// needed to build this.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

namespace sailer {

// Compute capability, major * 10 + minor (80 for an A100, 90 for an H100), or 0
// if `device` is no CUDA device or there is no driver.
int cuda_capability(const at::Device& device);

// Bytes that are free on `device`; 0 where that cannot be learned (on the CPU,
// or without a driver).
int64_t free_device_bytes(const at::Device& device);

struct CudaDriver {
  bool found = false;  // libcuda.so.1
  int status = 0;      // of its initialisation: 0, 100 where it sees no GPU
  int version = 0;     // of CUDA at most: 12040 is 12.4
};

CudaDriver find_cuda_driver();

// Why a LibTorch with CUDA sees no GPU, and what would help. `visible` is the
// variable CUDA_VISIBLE_DEVICES, null where it is not set.
std::string why_no_cuda_gpu(const CudaDriver& driver, const char* visible);

}  // namespace sailer
