// Support for children of fork(), such as parallel::mclapply() and
// BiocParallel's MulticoreParam create.
//
// A child has its parent's memory but none of its threads. A thread pool that
// the parent has used (of OpenMP or a BLAS) looks intact in the child, and
// whoever gives it work waits forever. With one thread, no pool is used.
#pragma once

namespace sailer {

// True in a process that was forked from the one that loaded sailer.
bool is_forked();

// Makes a forked process compute with one thread. Every binding calls this
// first; it costs one system call if there is nothing to do.
void settle_in_process();

// Throws Error(kProcess) in a forked process in which LibTorch cannot compute
// gradients. That is the case if the parent has computed gradients and needed
// threads for them: every process with a GPU does, and with LibTorch 2 (seen
// with 2.6 and 2.14) also those without.
void check_can_train();

}  // namespace sailer
