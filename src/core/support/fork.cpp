#include "fork.h"

#include <ATen/Parallel.h>
#include <unistd.h>

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

}  // namespace sailer
