// Converts errors of LibTorch and of the standard library into sailer's own.
#pragma once

#include <exception>
#include <string>

#include "error.h"

namespace sailer {

// Returns the message of a LibTorch error on one line, without the long stack
// trace that follows it.
std::string message_of(const std::exception& error);

// True if the machine or a GPU ran out of memory.
bool is_want_of_memory(const std::exception& error);

// Returns what compute() returns. If compute() runs out of memory, smaller() is
// called to make the next attempt need less, and compute() is called again. If
// smaller() returns false, because that is not possible, the error is rethrown.
template <typename Compute, typename Smaller>
auto with_less_memory(const Compute& compute, const Smaller& smaller) {
  for (;;) {
    try {
      return compute();
    } catch (const std::exception& error) {
      if (!is_want_of_memory(error) || !smaller()) throw;
    }
  }
}

// Returns sailer's own errors unchanged. Other errors become Error(kMemory),
// which says what to lower, if the machine or a GPU ran out of memory, and
// Error(kInternal) otherwise.
Error as_error(const std::exception& error);

}  // namespace sailer
