// Cells in a given order, minibatch by minibatch: the loop of every stream.
// What a minibatch is made of its cells is a function's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "prefetch.h"

namespace sailer {

template <typename Batch>
class OrderedBatches {
 public:
  // Makes the minibatch of the n cells from `cells` on, which begins at
  // `position` of the order.
  using Make = std::function<void(const int64_t* cells, int64_t n,
                                  int64_t position, Batch& out)>;

  OrderedBatches() = default;
  OrderedBatches(const OrderedBatches&) = delete;
  OrderedBatches& operator=(const OrderedBatches&) = delete;

  // Serves `cells` from the one at `position` on. So many minibatches as
  // `ahead` are made ahead of their use, by a thread. Ends what was under way.
  void start(std::vector<int64_t> cells, int64_t position, int64_t batch_size,
             size_t ahead, Make make) {
    stop();
    order_ = std::move(cells);
    ahead_ = std::make_unique<Prefetch<Item>>(
        [this, position, batch_size, make = std::move(make)](
            Item& item, const std::atomic<bool>&) mutable {
          const auto left = static_cast<int64_t>(order_.size()) - position;
          item.position = position;
          item.n = std::min(batch_size, left);
          if (item.n <= 0) return false;
          make(order_.data() + position, item.n, position, item.batch);
          position += item.n;
          return true;
        },
        ahead);
  }

  // Nothing is made any more, nor served until start() is called again.
  void stop() {
    ahead_.reset();
    cells_.clear();
  }

  // The next minibatch; false at the end. Throws what making it threw.
  bool next(Batch& batch) {
    Item item;
    cells_.clear();
    if (ahead_ == nullptr || !ahead_->next(item)) return false;
    position_ = item.position;
    cells_.assign(order_.begin() + position_,
                  order_.begin() + position_ + item.n);
    batch = std::move(item.batch);
    return true;
  }

  // Of the minibatch that next() served last: its cells, and where it began.
  const std::vector<int64_t>& cells() const { return cells_; }
  int64_t position() const { return position_; }

 private:
  struct Item {
    int64_t position = 0, n = 0;
    Batch batch;
  };

  std::vector<int64_t> order_, cells_;
  int64_t position_ = 0;
  // Last: its thread ends before what it uses.
  std::unique_ptr<Prefetch<Item>> ahead_;
};

}  // namespace sailer
