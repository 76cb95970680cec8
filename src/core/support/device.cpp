#include "core/support/device.h"

#include <ATen/Parallel.h>
#include <hdf5.h>
#include <torch/cuda.h>
#include <unistd.h>

#include <cstdlib>

#include "core/support/blas.h"
#include "core/support/config.h"
#include "core/support/cuda_driver.h"
#include "core/support/error.h"
#include "core/support/fork.h"

namespace sailer {
namespace {

std::string libtorch_device() { return SAILER_LIBTORCH_DEVICE; }

// True if a parent of this process has used CUDA, which then cannot be used
// here.
bool is_used_by_parent() {
  static const pid_t asked_in = ::getpid();
  return ::getpid() != asked_in;
}

int gpu_count() {
  if (is_used_by_parent()) return 0;
  return static_cast<int>(torch::cuda::device_count());
}

// Returns the number after "cuda:", 0 for "cuda" alone, or -1.
int gpu_number(const std::string& asked) {
  if (asked == "cuda") return 0;
  const std::string prefix = "cuda:";
  if (asked.compare(0, prefix.size(), prefix) != 0) return -1;
  const std::string digits = asked.substr(prefix.size());
  const bool is_number =
      !digits.empty() && digits.size() <= 4 &&
      digits.find_first_not_of("0123456789") == std::string::npos;
  return is_number ? std::stoi(digits) : -1;
}

// Lists the devices in words: "cpu" and "cuda:0".
std::string devices_in_words() {
  const std::vector<std::string> devices = list_devices();
  std::string words;
  for (size_t k = 0; k < devices.size(); ++k) {
    if (k > 0) words += k + 1 < devices.size() ? ", " : " and ";
    words += "\"" + devices[k] + "\"";
  }
  return devices.size() > 1 ? words : words + " only, no GPU";
}

std::string loaded_hdf5_version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  if (H5get_libversion(&major, &minor, &release) < 0) {
    return SAILER_HDF5_VERSION;
  }
  return std::to_string(major) + "." + std::to_string(minor) + "." +
         std::to_string(release);
}

}  // namespace

bool has_gpu_support() { return libtorch_device() != "cpu"; }

std::string why_no_gpu() {
  if (gpu_count() > 0) return "";
  if (!has_gpu_support()) {
    return "LibTorch was built for the processor only. Build sailer with one "
           "that has CUDA (LIBTORCH_HOME names its folder).";
  }
  if (is_used_by_parent()) {
    return "This process was forked, as parallel::mclapply() and "
           "MulticoreParam() do, and no GPU can be used after a fork. Use "
           "separate processes, as started by "
           "parallel::makePSOCKcluster() or SnowParam().";
  }
  if (libtorch_device() == "hip") {
    return "LibTorch has ROCm, but sees no GPU. See whether `rocminfo` lists "
           "one and whether HIP_VISIBLE_DEVICES hides it.";
  }
  return "LibTorch has CUDA, but " +
         why_no_cuda_gpu(find_cuda_driver(),
                         std::getenv("CUDA_VISIBLE_DEVICES"));
}

std::vector<std::string> list_devices() {
  std::vector<std::string> devices{"cpu"};
  for (int i = 0; i < gpu_count(); ++i) {
    devices.push_back("cuda:" + std::to_string(i));
  }
  return devices;
}

void check_device(const std::string& asked) {
  if (asked == "auto" || asked == "cpu" || gpu_number(asked) >= 0) return;
  throw_error(ErrorKind::kArgument,
              "`device` must be \"auto\", \"cpu\", \"cuda\" or a GPU by its "
              "number from 0, such as \"cuda:1\" for the second, not \"",
              asked, "\". This machine has ", devices_in_words(), ".");
}

std::string choose_device(const std::string& asked) {
  check_device(asked);
  if (asked == "cpu") return asked;
  if (asked == "auto") return gpu_count() > 0 ? "cuda:0" : "cpu";
  const int gpu = gpu_number(asked);
  const int count = gpu_count();
  if (count == 0) {
    throw_error(ErrorKind::kDevice, "`device` is \"", asked,
                "\", but there is no GPU to use: ", why_no_gpu(),
                " Or use device = \"cpu\". (LibTorch ", SAILER_LIBTORCH_VERSION,
                " in '", SAILER_LIBTORCH_DIR, "'.)");
  }
  if (gpu >= count) {
    throw_error(ErrorKind::kDevice, "`device` is \"", asked,
                "\", but there is only cuda:0",
                (count > 1 ? " to cuda:" + std::to_string(count - 1) : ""),
                ".");
  }
  return "cuda:" + std::to_string(gpu);
}

int64_t free_bytes_of(const std::string& device) {
  return free_device_bytes(at::Device(device));
}

int get_threads() { return at::get_num_threads(); }

void set_threads(int n) {
  if (n < 1) {
    throw_error(ErrorKind::kArgument, "`threads` must be at least 1, not ", n,
                ".");
  }
  at::set_num_threads(is_forked() ? 1 : n);
}

BuildInfo build_info() {
  BuildInfo info;
  info.libtorch_version = SAILER_LIBTORCH_VERSION;
  info.libtorch_folder = SAILER_LIBTORCH_DIR;
  info.libtorch_source = SAILER_LIBTORCH_SOURCE;
  info.hdf5_version = loaded_hdf5_version();
  info.blas = find_blas();
  return info;
}

}  // namespace sailer
