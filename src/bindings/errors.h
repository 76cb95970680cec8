// Turns what the core throws into R conditions.
//
// Usage in a binding: return sailer::guarded([&] { ... return value; });
#pragma once

#include <Rcpp.h>

#include <exception>
#include <string>
#include <utility>

#include "../core/support/error.h"
#include "../core/support/foreign_error.h"
#include "../core/support/fork.h"

namespace sailer {

// In the order of ErrorKind.
inline constexpr const char* kConditions[] = {
    "sailer_argument_error", "sailer_data_error",    "sailer_file_error",
    "sailer_device_error",   "sailer_numeric_error", "sailer_process_error",
    "sailer_memory_error",   "sailer_internal_error"};

// Calls R's `abort_from_core(message, class)` (R/conditions.R), which signals a
// condition of that class; it never returns.
[[noreturn]] inline void raise(const std::string& message, const char* cls) {
  Rcpp::Environment ns = Rcpp::Environment::namespace_env("sailer");
  Rcpp::Function abort_from_core = ns["abort_from_core"];
  abort_from_core(message, std::string(cls));
  Rcpp::stop(message);  // not reached
}

// Calls `body`; whatever the core, LibTorch or the standard library throws
// becomes a condition of class "sailer_error".
template <typename Body>
auto guarded(Body&& body) -> decltype(body()) {
  Error ours(ErrorKind::kInternal, "");
  try {
    settle_in_process();
    return std::forward<Body>(body)();
  } catch (const Rcpp::exception&) {
    throw;
  } catch (const std::exception& error) {
    ours = as_error(error);
  }
  raise(ours.what(), kConditions[static_cast<int>(ours.kind())]);
}

}  // namespace sailer
