// The one exception type that the core throws.
//
// Every message is written for a person: it names the argument, file, dataset,
// cell or peak, and says what was expected and what to do. The bindings
// (`src/bind_*.cpp`) turn an Error into an R condition of class
// `sailer_<kind>_error`.
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace sailer {

enum class ErrorKind {
  kArgument,  // an option or argument is out of its range
  kData,      // the counts or labels hold something that cannot be used
  kFile,      // a file is missing, damaged, foreign or cannot be written
  kDevice,    // a requested device is not available
  kNumeric,   // a computation met a number that is not finite
  kProcess,   // another process was lost or not found, or this one was forked
  kMemory,    // the machine or a GPU does not have enough memory
  kInternal   // what LibTorch or the standard library throws (foreign_error.h)
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message)
      : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

// Throws an Error whose message is the concatenation of `parts`, texts and
// numbers.
template <typename... Parts>
[[noreturn]] void throw_error(ErrorKind kind, const Parts&... parts) {
  std::string message;
  const auto add = [&](const auto& part) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>) {
      message += std::to_string(part);
    } else {
      message += part;
    }
  };
  (add(parts), ...);
  throw Error(kind, message);
}

// Checks an argument: throws Error(kArgument) unless the condition `holds`.
template <typename... Parts>
void require(bool holds, const Parts&... parts) {
  if (!holds) throw_error(ErrorKind::kArgument, parts...);
}

// Throws Error(kFile) with the message "The file 'path' <what>."; `what`
// therefore has no full stop.
template <typename... Parts>
[[noreturn]] void throw_file_error(const std::string& path,
                                   const Parts&... what) {
  throw_error(ErrorKind::kFile, "The file '", path, "' ", what..., ".");
}

// For messages: 'a', 'b', 'c'
inline std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text;
}

}  // namespace sailer
