// Several "processes" that are threads of this one and meet on the loopback
// interface, and a task small enough to verify: plain linear regression.
#pragma once

#include <ATen/ATen.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/support/error.h"
#include "core/training/exchange_c10d.h"
#include "core/training/step_exchange.h"
#include "core/training/trainer.h"

namespace sailer_test {

using namespace sailer;

// A free port of the loopback interface.
inline int64_t free_port() {
  const int id = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(id, reinterpret_cast<sockaddr*>(&place), sizeof place);
  socklen_t size = sizeof place;
  ::getsockname(id, reinterpret_cast<sockaddr*>(&place), &size);
  ::close(id);
  return ntohs(place.sin_port);
}

// Calls `body` concurrently as each of `size` processes. Rethrows an exception
// of one of them after all have ended.
inline void together(int64_t size, const std::function<void(Exchange&)>& body) {
  const int64_t port = free_port();
  std::vector<std::exception_ptr> thrown(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        Meeting meeting;
        meeting.port = port;
        meeting.rank = rank;
        meeting.size = size;
        meeting.timeout = 30;
        const std::unique_ptr<Exchange> exchange = join_processes(meeting);
        body(*exchange);
      } catch (...) {
        thrown[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& one : thrown) {
    if (one) std::rethrow_exception(one);
  }
}

constexpr int64_t kPoints = 17, kHeld = 5, kLineBatch = 8;

// y = x w + b over points that are the same in all processes, in a fixed order.
class LineTask : public Task {
 public:
  explicit LineTask(Exchange* exchange = nullptr) : shard_(shard_of(exchange)) {
    const auto real = at::TensorOptions().dtype(at::kDouble);
    x_ = at::arange(kPoints * 2, real).mul(1.7).sin().view({kPoints, 2});
    y_ = x_.select(1, 0) * 3 - x_.select(1, 1) + 0.5 +
         at::arange(kPoints, real).cos();
    w_ = parameters_.add_parameter("w", at::full({2}, 0.1, real));
    b_ = parameters_.add_parameter("b", at::zeros({1}, real));
    // Has no gradient in any process: weight decay must leave it unchanged.
    parameters_.add_parameter("unused", at::ones({3}, real));
    for (int64_t i = shard_.rank; i < kHeld; i += shard_.size) {
      held_.push_back(i);
    }
  }

  int64_t spoil_epoch = -1;  // minibatch 1 of it has no finite loss

  ParameterSet& parameters() override { return parameters_; }
  at::Device device() const override { return at::kCPU; }
  int64_t n_training() const override { return kPoints; }
  RunColumns columns() const override {
    return {{"learning_rate"}, {"loss", "sum"}, {"validation"}};
  }
  std::vector<double> settings_of(int64_t epoch) const override {
    return {learning_rate(epoch, 0)};
  }
  double learning_rate(int64_t epoch, int64_t position) const override {
    const double step = 1e-4 * static_cast<double>(position / kLineBatch);
    return 0.05 / (1 + 0.01 * static_cast<double>(epoch)) + step;
  }
  void start_epoch(int64_t, int64_t position) override { next_ = position; }
  void stop() override {}
  bool next() override {
    position_ = next_;
    next_ = std::min(position_ + kLineBatch, kPoints);
    return n_cells() > 0;
  }
  int64_t n_cells() const override { return next_ - position_; }
  std::vector<int64_t> cells_at(int64_t, int64_t position) const override {
    std::vector<int64_t> out;
    for (int64_t i = position; i < std::min(position + kLineBatch, kPoints);) {
      out.push_back(i++);
    }
    return out;
  }
  StepLoss step(Adam&, int64_t epoch, int64_t position, bool) override {
    if (epoch == spoil_epoch && position == kLineBatch) {
      throw Error(ErrorKind::kNumeric, "spoilt");
    }
    const auto n = static_cast<double>(n_cells());
    const std::vector<int64_t> own =
        shard_cells(cells_at(epoch, position), shard_);
    if (own.empty()) return {at::zeros({2}, at::kDouble), n};
    const at::Tensor loss = squares_of(own) / n;
    loss.backward();
    const double share = static_cast<double>(own.size()) / n;
    return {at::stack({loss.detach(), share * w_.detach().sum()}), n};
  }
  std::vector<double> measure() override {
    const at::NoGradGuard no_grad;
    if (held_.empty()) return {std::numeric_limits<double>::quiet_NaN()};
    // Half-way to the fit is best, so that early stopping has a best epoch.
    return {-squares_of(held_, 0.5).item<double>() / validation_weight()};
  }
  bool has_validation() const override { return true; }
  double validation_weight() const override {
    return static_cast<double>(held_.size());
  }
  double score(const std::vector<double>& m) const override { return m[0]; }

 private:
  at::Tensor squares_of(const std::vector<int64_t>& cells,
                        double part = 1) const {
    const at::Tensor rows = at::tensor(cells, at::kLong);
    const at::Tensor y = at::mv(x_.index_select(0, rows), w_) + b_;
    return (y - part * y_.index_select(0, rows)).square().sum();
  }

  Shard shard_;
  ParameterSet parameters_;
  at::Tensor x_, y_, w_, b_;
  std::vector<int64_t> held_;
  int64_t position_ = 0, next_ = 0;
};

}  // namespace sailer_test
