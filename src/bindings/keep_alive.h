// Keeps an R object alive beside a view of its memory.
//
// Only R's thread may touch R, but the last owner of a view may be another
// thread (a reader that ends late). Objects let go there are put on a list, and
// released when R's thread next keeps something alive.
#pragma once

#include <Rcpp.h>

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sailer {

class KeepAlive {
 public:
  // Call on R's thread only.
  static std::shared_ptr<const void> of(SEXP object) {
    KeepAlive& self = instance();
    self.release_waiting();
    R_PreserveObject(object);
    return std::shared_ptr<const void>(
        static_cast<const void*>(object),
        [object](const void*) { instance().release(object); });
  }

 private:
  KeepAlive() : r_thread_(std::this_thread::get_id()) {}

  // Never destroyed: sources may outlive the statics of this library.
  static KeepAlive& instance() {
    static KeepAlive* only = new KeepAlive();
    return *only;
  }

  void release(SEXP object) {
    if (std::this_thread::get_id() == r_thread_) {
      R_ReleaseObject(object);
      return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(object);
  }

  void release_waiting() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (SEXP object : waiting_) R_ReleaseObject(object);
    waiting_.clear();
  }

  const std::thread::id r_thread_;
  std::mutex mutex_;
  std::vector<SEXP> waiting_;
};

}  // namespace sailer
