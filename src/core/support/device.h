// Where tensors live and how many threads compute: what LibTorch offers on this
// machine, without its types, so that bindings need not include it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "blas.h"

namespace sailer {

// Names of the devices, "cpu" first, then "cuda:0" and so on.
std::vector<std::string> list_devices();

// Throws Error(kArgument), naming the devices that there are, unless `asked` is
// "auto", "cpu", "cuda" or a GPU such as "cuda:1", whether there is one or not.
void check_device(const std::string& asked);

// Turns what a user asked for into a device: "auto" is the first GPU where
// there is one and "cpu" elsewhere; "cuda" is "cuda:0". Throws Error(kDevice),
// saying why, when a GPU was asked for that is not there, and Error(kArgument)
// for any other name. For "cpu" no GPU's driver is asked anything.
std::string choose_device(const std::string& asked);

// True when this LibTorch was built for GPUs. LibTorch itself says so only
// where there is one.
bool has_gpu_support();

// Why no GPU can be used and what would help, in sentences; empty where one
// can.
std::string why_no_gpu();

// Bytes that are free on a device of that name; 0 where that cannot be learned.
int64_t free_bytes_of(const std::string& device);

// Number of threads of one operation. Setting throws Error(kArgument) below
// one; in a forked process it is always one (fork.h).
int get_threads();
void set_threads(int n);

// What `configure` chose, and what is loaded now.
struct BuildInfo {
  std::string libtorch_version;  // of the headers sailer was compiled with
  std::string libtorch_folder;
  std::string libtorch_source;  // how configure found it
  std::string hdf5_version;     // of the library that is loaded
  BlasInfo blas;                // behind matrix products
};

BuildInfo build_info();

}  // namespace sailer
