#include "core/support/device.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "catch.h"
#include "core/support/config.h"
#include "core/support/cuda_driver.h"
#include "core/support/error.h"

namespace device_test {

using namespace sailer;
using sailer_test::contains;

namespace {

CudaDriver driver(int status, int version = 12040) {
  CudaDriver found;
  found.found = true;
  found.status = status;
  found.version = version;
  return found;
}

}  // namespace

TEST_CASE("device names are checked by form, even for missing devices") {
  for (const char* fine : {"auto", "cpu", "cuda", "cuda:0", "cuda:17"}) {
    REQUIRE_NOTHROW(check_device(fine));
  }
  for (const char* wrong :
       {"gpu", "", "CUDA", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999", "2"}) {
    REQUIRE_THROWS_WITH(check_device(wrong),
                        contains("\"cuda:1\"") &&
                            contains("not \"" + std::string(wrong) + "\"") &&
                            contains("This machine has \"cpu\""));
    REQUIRE_THROWS_AS(choose_device(wrong), Error);
  }
}

TEST_CASE("a LibTorch for GPUs has its GPU library in the process") {
  // Nothing refers to it, so the linker must have been told to keep it.
  const std::string device = SAILER_LIBTORCH_DEVICE;
  REQUIRE(has_gpu_support() == (device != "cpu"));
  if (device != "hip") {
    REQUIRE(c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA) ==
            (device == "cuda"));
  }
}

TEST_CASE("the reason for a missing GPU depends on LibTorch's build") {
  const std::string why = why_no_gpu();
  REQUIRE(why.empty() == (list_devices().size() > 1));
  if (why.empty()) return;
  if (std::string(SAILER_LIBTORCH_DEVICE) != "cpu") {
    REQUIRE_THAT(why, !contains("processor only"));
    REQUIRE_THAT(why, contains("LibTorch has"));
  } else {
    REQUIRE_THAT(why, contains("built for the processor only"));
    REQUIRE_THAT(why, !contains("driver"));
  }
  REQUIRE_THROWS_WITH(choose_device("cuda:3"),
                      contains("cuda:3") && contains(why));
  REQUIRE(choose_device("auto") == "cpu");
}

TEST_CASE("missing, idle, failing and old drivers are distinguished") {
  REQUIRE_THAT(why_no_cuda_gpu({}, nullptr), contains("no NVIDIA driver"));
  // Without a driver CUDA_VISIBLE_DEVICES hides nothing.
  REQUIRE_THAT(why_no_cuda_gpu({}, ""), contains("no NVIDIA driver"));
  REQUIRE_THAT(why_no_cuda_gpu(driver(100), nullptr),
               contains("sees no GPU. ") && !contains("CUDA_VISIBLE_DEVICES"));
  REQUIRE_THAT(why_no_cuda_gpu(driver(100), ""),
               contains("CUDA_VISIBLE_DEVICES is \"\", which hides every GPU"));
  REQUIRE_THAT(why_no_cuda_gpu(driver(100), "-1"),
               contains("is \"-1\", which hides every GPU"));
  REQUIRE_THAT(why_no_cuda_gpu(driver(100), "7"),
               contains("sees no GPU of CUDA_VISIBLE_DEVICES, which is \"7\""));
  REQUIRE_THAT(why_no_cuda_gpu(driver(804), nullptr), contains("error 804"));
  REQUIRE_THAT(why_no_cuda_gpu(driver(0, 11020), "0"),
               contains("CUDA only up to 11.2"));
}

TEST_CASE("kernels for an old processor are recognised") {
  REQUIRE(better_kernels("Prescott", InstructionSet::kAvx512) == "SKYLAKEX");
  REQUIRE(better_kernels("Prescott", InstructionSet::kAvx2) == "HASWELL");
  REQUIRE(better_kernels("Prescott", InstructionSet::kPlain).empty());
  REQUIRE(better_kernels("Barcelona", InstructionSet::kAvx2) == "HASWELL");
  for (const char* fine : {"Haswell", "SkylakeX", "Zen", "neoversen1"}) {
    REQUIRE(better_kernels(fine, InstructionSet::kAvx512).empty());
  }
}

}  // namespace device_test
