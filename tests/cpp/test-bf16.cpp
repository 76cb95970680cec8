#include <c10/core/Device.h>

#include <fstream>
#include <sstream>
#include <string>

#include "catch.h"
#include "core/support/bf16.h"

namespace bf16_test {

using namespace sailer;

#if defined(__x86_64__) && defined(__linux__)

// Compares with the system's own list of processor features.
TEST_CASE("bf16 instructions are found if the system lists them") {
  std::ifstream file("/proc/cpuinfo");
  std::string line, word;
  bool listed = false;
  while (std::getline(file, line)) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line);
    while (words >> word) {
      listed = listed || word == "avx512_bf16" || word == "amx_bf16";
    }
    break;
  }
  REQUIRE(cpu_has_bf16() == listed);
}

#endif

TEST_CASE("bf16 is fast only if the processor supports it") {
  if (!cpu_has_bf16()) REQUIRE_FALSE(bf16_is_fast(at::Device(at::kCPU)));
  REQUIRE(bf16_is_fast("cpu") == bf16_is_fast(at::Device(at::kCPU)));
  REQUIRE_FALSE(bf16_is_fast("meta"));
}

}  // namespace bf16_test
