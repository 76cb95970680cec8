// Makes things ahead of their use in a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace sailer {

// Calls make(item, stop) again and again until it returns false, throws or is
// told to stop: in a thread, at most `depth` items ahead; with depth 0 when the
// next item is asked for. The items are the same either way.
//
// `stop` becomes true when nobody wants more: a long make() looks at it and
// returns false. The thread must not touch R.
template <typename Item>
class Prefetch {
 public:
  using Make = std::function<bool(Item&, const std::atomic<bool>& stop)>;

  Prefetch(Make make, size_t depth) : make_(std::move(make)), depth_(depth) {
    if (depth_ > 0) start_thread();
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  // Waits for the make() at hand to notice.
  ~Prefetch() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // The next item; false at the end. Rethrows what make() threw, after the
  // items made before it, and again if asked again.
  bool next(Item& item) {
    if (depth_ == 0) {
      if (!done_) step();
    } else {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return !items_.empty() || done_; });
    }
    return take(item);
  }

 private:
  // Signals are for the threads of the program: R's handlers belong to R's.
  void start_thread() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    while (!done_) {
      step();
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return items_.size() < depth_ || stop_; });
      if (stop_) return;
    }
  }

  // Makes one item. `done_` is written by this thread alone, under the lock.
  void step() {
    Item item;
    bool made = false;
    std::exception_ptr error;
    try {
      made = make_(item, stop_);
    } catch (...) {
      error = std::current_exception();
    }
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (made) items_.push_back(std::move(item));
      error_ = error;
      done_ = !made;
    }
    changed_.notify_all();
  }

  bool take(Item& item) {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (items_.empty()) {
        if (error_) std::rethrow_exception(error_);
        return false;
      }
      item = std::move(items_.front());
      items_.pop_front();
    }
    changed_.notify_all();
    return true;
  }

  Make make_;
  size_t depth_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace sailer
