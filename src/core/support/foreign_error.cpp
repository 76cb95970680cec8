#include "foreign_error.h"

#include <algorithm>
#include <new>

namespace sailer {
namespace {

bool holds(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

// Goes by the text, because errors of a GPU's allocator have no type in common
// with those of the CPU's, and differ between versions of LibTorch.
bool is_want_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  const auto* ours = dynamic_cast<const Error*>(&error);
  if (ours != nullptr) return ours->kind() == ErrorKind::kMemory;
  const std::string text = error.what();
  return holds(text, "out of memory") || holds(text, "can't allocate memory") ||
         holds(text, "not enough memory") || holds(text, "ALLOC_FAILED");
}

std::string message_of(const std::exception& error) {
  std::string text = error.what();
  for (const char* trace : {"\nException raised from ", "\nframe #"}) {
    text.resize(std::min(text.find(trace), text.size()));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Error as_error(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const Error*>(&error)) return *ours;
  if (is_want_of_memory(error)) {
    return Error(
        ErrorKind::kMemory,
        "There is not enough memory: " + message_of(error) +
            ". Lower `batch_size` or, for Expresser, `token_budget` or "
            "`max_genes`; or free memory that other objects or "
            "programs hold. A GPU that is too small can be left out "
            "with `device = \"cpu\"`.");
  }
  return Error(ErrorKind::kInternal,
               "sailer's core failed: " + message_of(error) +
                   ". If nothing in the call explains it, please report it.");
}

}  // namespace sailer
