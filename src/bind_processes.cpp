// Bindings for the processes that train together (R/processes.R).
#include <Rcpp.h>

#include "bindings/errors.h"
#include "bindings/training.h"
#include "core/training/exchange_c10d.h"

namespace sailer {
namespace {

// One exchange for the whole R session. It is not destroyed when the session
// ends, because other processes may still be reading what this one sent last.
Exchange*& joined() {
  static Exchange* exchange = nullptr;
  return exchange;
}

}  // namespace

Exchange* joined_processes() { return joined(); }

void leave_processes(const std::string& reason) {
  if (joined() == nullptr) return;
  if (!reason.empty()) joined()->leave(reason);
  delete joined();
  joined() = nullptr;
}

}  // namespace sailer

// Waits until all processes have joined, for at most `timeout` seconds.
// [[Rcpp::export]]
void core_join_processes(std::string address, double port, double rank,
                         double size, double timeout, std::string device) {
  using namespace sailer;
  guarded([&] {
    const Meeting meeting{address,
                          static_cast<int64_t>(port),
                          static_cast<int64_t>(rank),
                          static_cast<int64_t>(size),
                          timeout,
                          at::Device(device)};
    joined() = join_processes(meeting).release();
  });
}

// Whether this LibTorch can join processes.
// [[Rcpp::export]]
bool core_can_join_processes() { return sailer::can_join_processes(); }

// [[Rcpp::export]]
bool core_processes_joined() { return sailer::joined_processes() != nullptr; }

// [[Rcpp::export]]
void core_leave_processes(std::string reason) {
  sailer::leave_processes(reason);
}
