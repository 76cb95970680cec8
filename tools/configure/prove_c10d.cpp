// The program with which `configure` checks whether a LibTorch can join
// processes: a group of one process meets on the loopback interface and sums a
// tensor. With PROVE_NCCL it is only compiled and linked, because a machine
// that builds packages need not have a GPU.
#define USE_C10D_GLOO
#include <ATen/ATen.h>

#include <exception>
#include <iostream>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef PROVE_NCCL
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

// Since LibTorch 2.4 the store requires libuv unless told otherwise, but
// LibTorch may have been built without it.
template <typename Options>
auto without_libuv(Options& options, int) -> decltype(options.useLibUV = false,
                                                      void()) {
  options.useLibUV = false;
}
template <typename Options>
void without_libuv(Options&, long) {}

int main() {
  try {
    c10d::TCPStoreOptions meeting;
    meeting.port = 0;  // any free port
    meeting.isServer = true;
    meeting.numWorkers = 1;
    without_libuv(meeting, 0);
    const auto store =
        c10::make_intrusive<c10d::TCPStore>("127.0.0.1", meeting);
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->devices.push_back(
        c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
    c10d::ProcessGroupGloo group(store, 0, 1, options);
    std::vector<at::Tensor> tensors = {at::full({3}, 2.0)};
    group.allreduce(tensors)->wait();
    if (tensors[0].sum().item<float>() != 6.0F) {
      std::cerr << "A sum over processes is wrong.\n";
      return 1;
    }
#ifdef PROVE_NCCL
    c10d::ProcessGroupNCCL nccl(store, 0, 1);
#endif
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
