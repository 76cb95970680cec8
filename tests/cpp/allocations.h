// Measures what a piece of code allocates on the CPU, as reported by LibTorch's
// allocator, and simulates running out of memory.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>

#include "core/support/torch_version.h"

namespace sailer_test {

class MemoryWatch : public c10::MemoryReportingInfoBase {
 public:
  explicit MemoryWatch(int64_t limit) : limit_(limit) {}

#if SAILER_LIBTORCH_AT_LEAST(2, 0)
  using Total = size_t;
#else
  using Total = int64_t;
#endif
  void reportMemoryUsage(void* memory, int64_t bytes, Total, Total,
                         c10::Device) override {
    held_ += bytes;
    peak_ = std::max(peak_, held_);
    if (bytes <= 0 || held_ <= limit_) return;
    held_ -= bytes;
    ++n_failed_;
    c10::free_cpu(memory);
    throw std::bad_alloc();
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t peak() const { return peak_; }
  int n_failed() const { return n_failed_; }

 private:
  int64_t limit_, held_ = 0, peak_ = 0;
  int n_failed_ = 0;
};

// Runs `code` in this thread with at most `limit` bytes beyond those already
// held.
inline std::shared_ptr<MemoryWatch> watch_memory(
    const std::function<void()>& code,
    int64_t limit = std::numeric_limits<int64_t>::max()) {
  auto watch = std::make_shared<MemoryWatch>(limit);
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, watch);
  code();
  return watch;
}

}  // namespace sailer_test
