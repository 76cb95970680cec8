#include "fork.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include "error.h"

namespace sailer {
namespace {

const pid_t kLoadedIn = ::getpid();

}  // namespace

bool is_forked() { return ::getpid() != kLoadedIn; }

void settle_in_process() {
  static pid_t settled_in = kLoadedIn;
  const pid_t here = ::getpid();
  if (here == settled_in) return;
  settled_in = here;
  at::set_num_threads(1);
}

void check_can_train() {
  if (!is_forked()) return;
  try {
    at::ones({}).set_requires_grad(true).backward();
  } catch (const std::exception&) {  // LibTorch's refusal
    throw_error(
        ErrorKind::kProcess,
        "This process was forked from one that has trained a model, as "
        "parallel::mclapply() and MulticoreParam() do, and LibTorch cannot "
        "train after that. Train in separate processes, as started by "
        "parallel::makePSOCKcluster() or SnowParam(), or fork before anything "
        "is trained. A fit can be used here all the same, as predict() does.");
  }
}

}  // namespace sailer
