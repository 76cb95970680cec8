// Memory that was freed but is still held by the allocator.
#pragma once

#include <cstdlib>  // tells which C library it is

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace sailer {

// Returns it to the system, if the C library can. Tensors whose sizes change
// from step to step leave gaps that grow to several times the memory in use.
// The cost of one call per epoch is negligible.
inline void release_free_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace sailer
