// The devices and threads that LibTorch can use on this machine, without
// LibTorch's types, so that bindings need not include it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "blas.h"

namespace sailer {

// Returns the names of the devices: "cpu" first, then "cuda:0" and so on.
std::vector<std::string> list_devices();

// Throws Error(kArgument), which names the available devices, unless `asked` is
// "auto", "cpu", "cuda" or a GPU such as "cuda:1". The GPU need not exist.
void check_device(const std::string& asked);

// Turns what a user asked for into a device: "auto" is the first GPU if there
// is one, else "cpu"; "cuda" is "cuda:0". Throws Error(kDevice), with the
// reason, if a requested GPU is not available, and Error(kArgument) for any
// other name. For "cpu" no GPU driver is queried.
std::string choose_device(const std::string& asked);

// True if this LibTorch was built for GPUs. LibTorch itself tells only if there
// is a GPU.
bool has_gpu_support();

// Explains in sentences why no GPU can be used and what would help; empty if
// one can be used.
std::string why_no_gpu();

// Returns the number of free bytes on the device of that name, or 0 if it
// cannot be determined.
int64_t free_bytes_of(const std::string& device);

// The number of threads that one operation uses. set_threads() throws
// Error(kArgument) if n is less than 1; in a forked process the number is
// always 1 (fork.h).
int get_threads();
void set_threads(int n);

// What `configure` chose, and what is loaded now.
struct BuildInfo {
  std::string libtorch_version;  // of the headers sailer was compiled with
  std::string libtorch_folder;
  std::string libtorch_source;  // how configure found it
  std::string hdf5_version;     // of the library that is loaded
  BlasInfo blas;                // used for matrix products
};

BuildInfo build_info();

}  // namespace sailer
