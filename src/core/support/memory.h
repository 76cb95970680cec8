// Memory that was freed and that the allocator keeps.
#pragma once

#include <cstdlib>  // tells which C library it is

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace sailer {

// Gives it back to the system, where the C library can. Tensors whose sizes
// change from step to step leave gaps that grow to several times of what is in
// use; once an epoch costs nothing.
inline void release_free_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace sailer
