// Files that cannot grow, as on a full disk.
#pragma once

#include <sys/resource.h>

#include <csignal>
#include <memory>

#include "core/support/monitor.h"

namespace sailer_test {

// While it exists, no file of this process can grow beyond `bytes`.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes = 4096) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

// Makes the disk full after a number of minibatches.
struct Filler : sailer::Monitor {
  int left;
  std::unique_ptr<FullDisk> disk;
  explicit Filler(int n) : left(n) {}
  bool keep_going(const sailer::Progress&) override {
    if (left-- == 0) disk = std::make_unique<FullDisk>();
    return true;
  }
};

}  // namespace sailer_test
