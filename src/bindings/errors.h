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

inline const char* condition_class(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kArgument:
      return "sailer_argument_error";
    case ErrorKind::kData:
      return "sailer_data_error";
    case ErrorKind::kFile:
      return "sailer_file_error";
    case ErrorKind::kDevice:
      return "sailer_device_error";
    case ErrorKind::kNumeric:
      return "sailer_numeric_error";
    case ErrorKind::kProcess:
      return "sailer_process_error";
    case ErrorKind::kMemory:
      return "sailer_memory_error";
    case ErrorKind::kInternal:
      return "sailer_internal_error";
  }
  return "sailer_error";
}

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
  std::string message;
  const char* cls = "sailer_error";
  try {
    settle_in_process();
    return std::forward<Body>(body)();
  } catch (const Rcpp::exception&) {
    throw;
  } catch (const std::exception& error) {
    const Error ours = as_error(error);
    message = ours.what();
    cls = condition_class(ours.kind());
  }
  raise(message, cls);
}

}  // namespace sailer
