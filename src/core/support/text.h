// Text of messages.
#pragma once

#include <string>
#include <vector>

namespace sailer {

// 'a', 'b', 'c'
inline std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "'" : ", '") + name + "'";
  }
  return text;
}

}  // namespace sailer
