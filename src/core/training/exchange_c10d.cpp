#include "exchange_c10d.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cstdlib>

#include "../support/error.h"
#include "../support/foreign_error.h"
#include "core/support/config.h"

#if SAILER_HAS_C10D
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#if SAILER_HAS_NCCL
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif

namespace sailer {

bool can_join_processes() { return SAILER_HAS_C10D; }

#if SAILER_HAS_C10D
namespace {

using StorePtr = c10::intrusive_ptr<c10d::Store>;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds));
}

std::string place_of(const Meeting& meeting) {
  return meeting.address + ":" + std::to_string(meeting.port);
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" ||
         address.compare(0, 4, "127.") == 0;
}

// Between processes of one machine the loopback; else the interface that
// GLOO_SOCKET_IFNAME names, or that of this machine's name.
std::shared_ptr<::gloo::transport::Device> gloo_device(const Meeting& meeting) {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != '\0') {
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  }
  if (is_loopback(meeting.address)) {
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  }
  return c10d::ProcessGroupGloo::createDefaultDevice();
}

class C10dExchange : public Exchange {
 public:
  C10dExchange(const Meeting& meeting, const StorePtr& store)
      : meeting_(meeting) {
    const auto rank = static_cast<int>(meeting.rank);
    const auto size = static_cast<int>(meeting.size);
    auto options =
        c10d::ProcessGroupGloo::Options::create(milliseconds(meeting.timeout));
    options->devices.push_back(gloo_device(meeting));
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>("gloo", store), rank, size,
        options);
#if SAILER_HAS_NCCL
    if (meeting.device.is_cuda()) {
      nccl_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(
          c10::make_intrusive<c10d::PrefixStore>("nccl", store), rank, size);
    }
#endif
  }

  int64_t rank() const override { return meeting_.rank; }
  int64_t size() const override { return meeting_.size; }

  void sum(at::Tensor tensor) override {
    exchange(tensor, [](auto& group, std::vector<at::Tensor>& tensors) {
      return group->allreduce(tensors);
    });
  }

  void broadcast(at::Tensor tensor) override {
    exchange(tensor, [](auto& group, std::vector<at::Tensor>& tensors) {
      return group->broadcast(tensors);
    });
  }

 private:
  template <typename Call>
  void exchange(const at::Tensor& tensor, Call&& call) {
    if (tensor.numel() == 0) return;
    const at::NoGradGuard no_grad;
#if SAILER_HAS_NCCL
    if (tensor.is_cuda() && nccl_) {
      std::vector<at::Tensor> tensors = {tensor.detach()};
      wait_for([&] { call(nccl_, tensors)->wait(); });
      return;
    }
#endif
    // Shares the memory where it is on the CPU already. What fails before the
    // wait is this process' own fault: no other was lost.
    std::vector<at::Tensor> tensors = {tensor.detach().cpu()};
    const auto work = call(gloo_, tensors);
    wait_for([&] { work->wait(); });
    if (!tensor.is_cpu()) tensor.detach().copy_(tensors[0]);
  }

  template <typename Wait>
  void wait_for(Wait&& wait) {
    try {
      wait();
    } catch (const std::exception& error) {
      if (as_error(error).kind() == ErrorKind::kMemory) throw;
      throw_error(ErrorKind::kProcess, "Another of the ", size(),
                  " processes was lost, or did not answer process ", rank(),
                  " (this one) within ", static_cast<int64_t>(meeting_.timeout),
                  " s: ", message_of(error));
    }
  }

  Meeting meeting_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo_;
#if SAILER_HAS_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl_;
#endif
};

std::string what_for(const Meeting& meeting) {
  if (meeting.rank > 0) return "for process 0 at " + place_of(meeting);
  const std::string others =
      meeting.size == 2 ? "process"
                        : std::to_string(meeting.size - 1) + " processes";
  return "for the other " + others + " at " + place_of(meeting) +
         ", where process 0 (this one) listens";
}

// From 2.4 on the store asks for libuv unless told otherwise, which a LibTorch
// may have been built without.
template <typename Options>
auto without_libuv(Options& options, int)
    -> decltype(options.useLibUV = false, void()) {
  options.useLibUV = false;
}
template <typename Options>
void without_libuv(Options&, long) {}

StorePtr meet(const Meeting& meeting) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(meeting.port);
  options.isServer = meeting.rank == 0;
  options.numWorkers = static_cast<std::size_t>(meeting.size);
  options.timeout = milliseconds(meeting.timeout);
  without_libuv(options, 0);
  return c10::make_intrusive<c10d::TCPStore>(meeting.address, options);
}

}  // namespace
#endif

std::unique_ptr<Exchange> join_processes(const Meeting& meeting) {
  if (meeting.size < 1 || meeting.rank < 0 || meeting.rank >= meeting.size ||
      meeting.port < 1 || meeting.port > 65535) {
    throw_error(ErrorKind::kArgument, "There is no process ", meeting.rank,
                " of ", meeting.size, " at port ", meeting.port,
                ": ranks begin at 0, and ports are 1 to 65535.");
  }
#if SAILER_HAS_C10D
  try {
    const StorePtr store = meet(meeting);
    return std::make_unique<C10dExchange>(meeting, store);
  } catch (const std::exception& error) {
    throw_error(ErrorKind::kProcess, "Process ", meeting.rank, " of ",
                meeting.size, " waited ", what_for(meeting), ", at most ",
                static_cast<int64_t>(meeting.timeout),
                " s: ", message_of(error),
                " Were all of them started, with the same MASTER_ADDR and "
                "MASTER_PORT, and is the port free and open?");
  }
#else
  throw_error(ErrorKind::kArgument,
              "This LibTorch has no usable c10d, so several processes cannot "
              "train together: `configure` tells what failed (Debian, Ubuntu: "
              "apt install libgloo-dev, then install sailer anew). Use "
              "`processes = \"none\"` to train in each of them alone.");
#endif
}

}  // namespace sailer
