// Cells in a given order, minibatch by minibatch: the loop of every stream. A
// function makes the minibatches from their cells.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "../../support/n_of.h"

namespace sailer {

template <typename Batch>
class OrderedBatches {
 public:
  // Makes the minibatch of the n cells from `cells` on, which begins at
  // `position` in the order. Must not use R if it runs in the thread.
  using Make = std::function<void(const int64_t* cells, int64_t n,
                                  int64_t position, Batch& out)>;

  OrderedBatches() = default;
  OrderedBatches(const OrderedBatches&) = delete;
  OrderedBatches& operator=(const OrderedBatches&) = delete;
  ~OrderedBatches() { stop(); }

  // Starts serving `cells` from the one at `position` on. A thread makes up to
  // `ahead` minibatches ahead of their use; with 0 each is made on request.
  // They are the same either way. Ends any previous run.
  void start(std::vector<int64_t> cells, int64_t position, int64_t batch_size,
             size_t ahead, Make make) {
    stop();
    order_ = std::move(cells);
    place_ = position;
    batch_size_ = batch_size;
    ahead_ = ahead;
    make_ = std::move(make);
    done_ = false;
    if (ahead_ > 0) start_thread();
  }

  // Stops making minibatches, and serves none until start() is called again.
  // Waits for the one being made.
  void stop() {
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    stop_ = false;
    done_ = true;
    error_ = nullptr;
    items_.clear();
    cells_.clear();
  }

  // Gets the next minibatch; returns false at the end. Rethrows what making one
  // threw, after those made before it, and again on every further call.
  bool next(Batch& batch) {
    cells_.clear();
    if (ahead_ == 0 && !done_) make_next();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !items_.empty() || done_; });
    if (items_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return false;
    }
    position_ = items_.front().position;
    const auto first = order_.begin() + position_;
    cells_.assign(first, first + items_.front().n);
    batch = std::move(items_.front().batch);
    items_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return true;
  }

  // The cells of the minibatch that next() served last, and where it began.
  const std::vector<int64_t>& cells() const { return cells_; }
  int64_t position() const { return position_; }

 private:
  struct Item {
    int64_t position = 0, n = 0;
    Batch batch;
  };

  // Blocks all signals in the thread, because R's handlers must run in R's.
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
      make_next();
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return items_.size() < ahead_ || stop_; });
      if (stop_) return;
    }
  }

  // While the thread runs, only it writes `place_` and `done_`, and `done_`
  // only under the lock.
  void make_next() {
    Item item;
    item.position = place_;
    item.n = std::min(batch_size_, n_of(order_) - place_);
    bool made = item.n > 0;
    std::exception_ptr error;
    try {
      if (made) make_(order_.data() + place_, item.n, place_, item.batch);
    } catch (...) {
      error = std::current_exception();
      made = false;
    }
    {
      const std::lock_guard<std::mutex> guard(mutex_);
      if (made) place_ += item.n;
      if (made) items_.push_back(std::move(item));
      error_ = error;
      done_ = !made;
    }
    changed_.notify_all();
  }

  std::vector<int64_t> order_, cells_;
  int64_t position_ = 0, place_ = 0, batch_size_ = 0;
  size_t ahead_ = 0;
  Make make_;
  bool stop_ = false, done_ = true;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;  // made but not yet served
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace sailer
