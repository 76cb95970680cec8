#include "exchange_c10d.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include "../support/error.h"
#include "../support/foreign_error.h"
#include "../support/torch_version.h"
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

using KeyStorePtr = c10::intrusive_ptr<c10d::Store>;

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

// The interface that GLOO_SOCKET_IFNAME names, if set; otherwise loopback if
// the processes meet there, else the interface of this machine's hostname.
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

// How often a waiting process checks whether another has failed.
constexpr std::chrono::milliseconds kLook{500};
// How long process 0, which hosts the store, waits before it leaves for the
// others to see its failure.
constexpr std::chrono::seconds kLastLook{5};

// Keys of the store.
constexpr char kFailure[] = "failure", kSeen[] = "seen";
constexpr char kConnected[] = "connected", kAllConnected[] = "all connected";

class C10dExchange : public Exchange {
 public:
  C10dExchange(const Meeting& meeting, const KeyStorePtr& store)
      : meeting_(meeting), store_(prefixed("sailer", store)) {
    const auto rank = static_cast<int>(meeting.rank);
    const auto size = static_cast<int>(meeting.size);
    auto options =
        c10d::ProcessGroupGloo::Options::create(milliseconds(meeting.timeout));
    options->devices.push_back(gloo_device(meeting));
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(prefixed("gloo", store),
                                                        rank, size, options);
    wait_for_connections();
#if SAILER_HAS_NCCL
    if (!meeting.device.is_cuda()) return;
    errors_are_ours();
    auto nccl_options = c10d::ProcessGroupNCCL::Options::create();
    nccl_options->timeout = milliseconds(meeting.timeout);
    nccl_ = c10::make_intrusive<c10d::ProcessGroupNCCL>(
        prefixed("nccl", store), rank, size, nccl_options);
#endif
  }

  int64_t rank() const override { return meeting_.rank; }
  int64_t size() const override { return meeting_.size; }

  Wait begin_sum(at::Tensor tensor) override {
    return begin(tensor, [](auto& group, std::vector<at::Tensor>& tensors) {
      return group->allreduce(tensors);
    });
  }

  void broadcast(at::Tensor tensor) override {
    begin(tensor, [](auto& group, std::vector<at::Tensor>& tensors) {
      return group->broadcast(tensors);
    })();
  }

  void leave(const std::string& reason) noexcept override {
    try {
      if (left_) return;
      left_ = true;
      tell("Process " + std::to_string(rank()) + " of " +
           std::to_string(size()) + " failed: " + reason);
      const auto end = std::chrono::steady_clock::now() + kLastLook;
      while (rank() == 0 && store_->add(kSeen, 0) < size() - 1 &&
             std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    } catch (...) {  // the store is gone because process 0 is
    }
  }

 private:
  // If a process left at once, those still connecting to it would take it for
  // lost.
  void wait_for_connections() {
    // The type is explicit because set() of newer versions also takes a string.
    const std::vector<uint8_t> yes = {1};
    if (store_->add(kConnected, 1) == size()) store_->set(kAllConnected, yes);
    store_->wait({kAllConnected}, milliseconds(meeting_.timeout));
  }

  static KeyStorePtr prefixed(const char* prefix, const KeyStorePtr& store) {
    return c10::make_intrusive<c10d::PrefixStore>(prefix, store);
  }

#if SAILER_HAS_NCCL
  // LibTorch's watchdog, and the monitor of the watchdog, would end R if a
  // process is lost. Variables that the user has set take precedence.
  static void errors_are_ours() {
#if SAILER_LIBTORCH_AT_LEAST(2, 2)
    const std::string name = "TORCH_NCCL_";
#else
    const std::string name = "NCCL_";
#endif
    const auto unless_set = [&](const char* what, const char* value) {
      ::setenv((name + what).c_str(), value, /*overwrite=*/0);
    };
    unless_set("BLOCKING_WAIT", "1");
    unless_set("ASYNC_ERROR_HANDLING", "0");
    unless_set("ENABLE_MONITORING", "0");
  }
#endif

  template <typename Call>
  Wait begin(const at::Tensor& tensor, Call&& call) {
    if (tensor.numel() == 0) return [] {};
    const at::NoGradGuard no_grad;
#if SAILER_HAS_NCCL
    if (tensor.is_cuda() && nccl_) {
      std::vector<at::Tensor> tensors = {tensor.detach()};
      const auto work = call(nccl_, tensors);
      return [this, work, tensors] {
        wait_for(*work, [&] { return ends_on_device(*work); });
      };
    }
#endif
    // Shares the memory if the tensor is already on the CPU.
    std::vector<at::Tensor> tensors = {tensor.detach().cpu()};
    const auto work = call(gloo_, tensors);
    return [this, work, tensors, tensor] {
      wait_for(*work, [&] { return ends(*work); });
      if (!tensor.is_cpu()) tensor.detach().copy_(tensors[0]);
    };
  }

  // Returns whether the work ends within kLook. LibTorch throws if it does not.
  template <typename Work>
  static bool ends(Work& work) {
    try {
      return work.wait(kLook);
    } catch (const std::exception&) {
      if (!work.isCompleted()) return false;
    }
    return work.wait();  // it has just ended, or throws its error
  }

  // NCCL's own wait() would check only every few milliseconds.
  template <typename Work>
  static bool ends_on_device(Work& work) {
    const auto end = std::chrono::steady_clock::now() + kLook;
    while (!work.isCompleted()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    }
    if (work.exception()) std::rethrow_exception(work.exception());
    return work.wait();
  }

  template <typename Work, typename Ends>
  void wait_for(Work& work, Ends&& ends) {
    const auto begun = std::chrono::steady_clock::now();
    std::string problem;
    try {
      while (!ends()) {
        const std::string failure = failure_of_another();
        if (!failure.empty()) lost(failure, work);
        if (std::chrono::steady_clock::now() - begun >
            milliseconds(meeting_.timeout) + 2 * kLook) {
          throw std::runtime_error("timed out");
        }
      }
      return;
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      if (as_error(error).kind() == ErrorKind::kMemory) throw;
      problem = message_of(error);
    }
    std::string failure = failure_of_another();
    if (failure.empty()) {
      failure = "Another of the " + std::to_string(size()) +
                " processes was lost, or did not answer process " +
                std::to_string(rank()) + " (this one) within " +
                std::to_string(static_cast<int64_t>(meeting_.timeout)) +
                " s: " + problem;
      tell(failure);
    }
    lost(failure, work);
  }

  template <typename Work>
  [[noreturn]] void lost(const std::string& why, Work& work) {
    if (!work.isCompleted()) {
      try {
        work.abort();                    // or a GPU would wait for it forever
      } catch (const std::exception&) {  // only NCCL supports abort()
      }
    }
    throw Error(ErrorKind::kProcess, why);
  }

  // Keeps the first report: it comes from the process that knows the cause.
  void tell(const std::string& failure) noexcept {
    try {
      const std::vector<uint8_t> none, text(failure.begin(), failure.end());
      store_->compareSet(kFailure, none, text);
    } catch (...) {
    }
  }

  std::string failure_of_another() noexcept {
    try {
      if (!store_->check({kFailure})) return {};
      const std::vector<uint8_t> text = store_->get(kFailure);
      if (!seen_) store_->add(kSeen, 1);
      seen_ = true;
      return {text.begin(), text.end()};
    } catch (...) {
      return {};
    }
  }

  Meeting meeting_;
  KeyStorePtr store_;
  bool left_ = false, seen_ = false;
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

// From LibTorch 2.4 on, the store requires libuv unless told otherwise, but
// LibTorch may have been built without it.
template <typename Options>
auto without_libuv(Options& options, int)
    -> decltype(options.useLibUV = false, void()) {
  options.useLibUV = false;
}
template <typename Options>
void without_libuv(Options&, long) {}

KeyStorePtr meet(const Meeting& meeting) {
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
    const KeyStorePtr store = meet(meeting);
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
