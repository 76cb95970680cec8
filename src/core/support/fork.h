// Children of fork(), as parallel::mclapply() and BiocParallel's MulticoreParam
// make them.
//
// A child has its parent's memory and none of its threads. A pool of threads
// that the parent has used (OpenMP's, a BLAS') looks whole there, and whoever
// gives it work waits for ever. With one thread no pool is asked for anything.
#pragma once

namespace sailer {

// True in a process that was forked off the one that loaded sailer.
bool is_forked();

// Has a forked process compute with one thread. Every binding calls it first;
// it costs a system call where nothing is to be done.
void settle_in_process();

// Throws Error(kProcess) in a forked process where LibTorch cannot compute
// gradients: where its parent has, and needed threads for it, as every process
// with a GPU does, and with LibTorch 2 (2.6 and 2.14 were seen) those without.
void check_can_train();

}  // namespace sailer
