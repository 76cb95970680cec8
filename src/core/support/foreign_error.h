// Errors of LibTorch and of the standard library as ours.
#pragma once

#include <exception>
#include <string>

#include "error.h"

namespace sailer {

// The message of an error of LibTorch: what stands before the page on where it
// comes from, on one line.
std::string message_of(const std::exception& error);

// True where memory ran out, of the machine or of a GPU.
bool is_want_of_memory(const std::exception& error);

// What compute() returns. Where memory runs out in it smaller() is to make the
// next attempt need less; where that cannot be, which it says by false, the
// error stands.
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

// Error(kMemory), which says what to lower, where memory ran out, of the
// machine or of a GPU; Error(kInternal) otherwise. Ours as they are.
Error as_error(const std::exception& error);

}  // namespace sailer
