#include "tensor_header.h"

#include <cstdio>
#include <limits>
#include <set>

#include "error.h"

namespace sailer {
namespace {

constexpr char kMetadata[] = "__metadata__";

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", code);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string list_of(const std::vector<int64_t>& values) {
  std::string out;
  for (int64_t value : values) {
    out += (out.empty() ? "" : ",") + std::to_string(value);
  }
  return "[" + out + "]";
}

void append_utf8(uint32_t code, std::string& out) {
  const auto byte = [&](uint32_t value) { out += static_cast<char>(value); };
  const auto rest = [&](int shift) { byte(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | (code >> 6)), rest(0);
  } else if (code < 0x10000) {
    byte(0xe0 | (code >> 12)), rest(6), rest(0);
  } else {
    byte(0xf0 | (code >> 18)), rest(12), rest(6), rest(0);
  }
}

// Reads values where they are expected; the text is no deeper than that.
class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  // Calls each(key) for every member of an object, where it stands behind the
  // colon. No key comes twice.
  template <typename Each>
  void object(const Each& each) {
    std::set<std::string> keys;
    expect('{');
    if (is_next('}')) return;
    do {
      const std::string key = string();
      if (!keys.insert(key).second) fail("'" + key + "' stands there twice");
      expect(':');
      each(key);
    } while (is_next(','));
    expect('}');
  }

  std::vector<int64_t> integers() {
    std::vector<int64_t> out;
    expect('[');
    if (is_next(']')) return out;
    do {
      out.push_back(integer());
    } while (is_next(','));
    expect(']');
    return out;
  }

  std::string string() {
    expect('"');
    std::string out;
    while (byte() != '"') {
      const char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) fail("a text is not closed");
      if (c == '\\') {
        escape(out);
      } else {
        out += c;
      }
    }
    ++at_;
    return out;
  }

  void end() {
    skip_space();
    if (at_ != text_.size()) fail("something stands behind its end");
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(ErrorKind::kFile, reason + " (at byte " + std::to_string(at_) +
                                      " of its header)");
  }

 private:
  char byte() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (byte() == ' ' || byte() == '\n' || byte() == '\t' || byte() == '\r')
      ++at_;
  }

  bool is_next(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!is_next(c)) fail(std::string("there is no '") + c + "'");
  }

  int64_t integer() {
    skip_space();
    constexpr int64_t kMost = (std::numeric_limits<int64_t>::max() - 9) / 10;
    if (byte() < '0' || byte() > '9') fail("there is no whole number");
    int64_t value = 0;
    for (; byte() >= '0' && byte() <= '9'; ++at_) {
      if (value > kMost) fail("a number is too large");
      value = 10 * value + (byte() - '0');
    }
    return value;
  }

  uint32_t hexadecimal() {
    uint32_t code = 0;
    for (int k = 0; k < 4; ++k, ++at_) {
      const std::string digits = "0123456789abcdef";
      const char c = byte() >= 'A' && byte() <= 'F'
                         ? static_cast<char>(byte() - 'A' + 'a')
                         : byte();
      const size_t digit = c == '\0' ? std::string::npos : digits.find(c);
      if (digit == std::string::npos) fail("a text has a false escape");
      code = 16 * code + static_cast<uint32_t>(digit);
    }
    return code;
  }

  // What stands behind a backslash.
  void escape(std::string& out) {
    const std::string from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    const char c = byte();
    ++at_;
    const size_t known = c == '\0' ? std::string::npos : from.find(c);
    if (known != std::string::npos) {
      out += to[known];
      return;
    }
    if (c != 'u') fail("a text has a false escape");
    uint32_t code = hexadecimal();
    if (code >= 0xd800 && code < 0xdc00 && text_.compare(at_, 2, "\\u") == 0) {
      at_ += 2;
      const uint32_t low = hexadecimal();
      if (low < 0xdc00 || low > 0xdfff) fail("a text has half a character");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code <= 0xdfff) {
      fail("a text has half a character");
    }
    if (code == 0) fail("a text holds a zero byte");
    append_utf8(code, out);
  }

  const std::string& text_;
  size_t at_ = 0;
};

TensorHeader::Entry entry_of(Parser& parser, const std::string& name) {
  TensorHeader::Entry entry;
  entry.name = name;
  std::vector<int64_t> offsets;
  parser.object([&](const std::string& key) {
    if (key == "dtype") {
      entry.dtype = parser.string();
    } else if (key == "shape") {
      entry.shape = parser.integers();
    } else if (key == "data_offsets") {
      offsets = parser.integers();
    } else {
      parser.fail("a tensor has '" + key + "'");
    }
  });
  if (offsets.size() != 2) parser.fail("'" + name + "' has no data_offsets");
  entry.first = offsets[0];
  entry.end = offsets[1];
  return entry;
}

}  // namespace

std::string format_header(const TensorHeader& header) {
  std::string metadata, entries;
  for (const auto& [key, value] : header.metadata) {
    metadata +=
        (metadata.empty() ? "" : ",") + quoted(key) + ":" + quoted(value);
  }
  for (const TensorHeader::Entry& entry : header.entries) {
    entries += "," + quoted(entry.name) + R"(:{"dtype":)" +
               quoted(entry.dtype) + R"(,"shape":)" + list_of(entry.shape) +
               R"(,"data_offsets":)" + list_of({entry.first, entry.end}) + "}";
  }
  return "{" + quoted(kMetadata) + ":{" + metadata + "}" + entries + "}";
}

TensorHeader parse_header(const std::string& text) {
  TensorHeader header;
  Parser parser(text);
  parser.object([&](const std::string& name) {
    if (name == kMetadata) {
      parser.object([&](const std::string& key) {
        header.metadata[key] = parser.string();
      });
    } else {
      header.entries.push_back(entry_of(parser, name));
    }
  });
  parser.end();
  return header;
}

}  // namespace sailer
