// Options that are one of a few words: from the word to the value and back.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace sailer {

template <typename T>
using Names = std::vector<std::pair<std::string, T>>;

// Throws Error(kArgument) that lists the words when `value` is none of them.
template <typename T>
T parse(const Names<T>& names, const std::string& option,
        const std::string& value) {
  std::string known;
  for (const auto& entry : names) {
    if (entry.first == value) return entry.second;
    known += (known.empty() ? "\"" : ", \"") + entry.first + "\"";
  }
  throw Error(ErrorKind::kArgument, "`" + option + "` must be one of " + known +
                                        ", not \"" + value + "\".");
}

template <typename T>
std::string name_in(const Names<T>& names, T value) {
  for (const auto& entry : names) {
    if (entry.second == value) return entry.first;
  }
  return "";
}

}  // namespace sailer
