#include "matrix_market.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <regex>
#include <utility>

#include "../../support/error.h"

namespace sailer {

namespace {

// Entries to collect before they are packed.
constexpr size_t kPackedEntries = size_t{1} << 20;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

const char* skip_blanks(const char* at, const char* end) {
  while (at < end && is_blank(*at)) ++at;
  return at;
}

// Reads a non-negative whole number and moves `at` past it. Returns false if
// there is none.
bool read_whole(const char*& at, const char* end, int64_t& value) {
  at = skip_blanks(at, end);
  const auto [stop, error] = std::from_chars(at, end, value);
  if (error != std::errc() || value < 0 || (stop < end && !is_blank(*stop))) {
    return false;
  }
  at = stop;
  return true;
}

bool read_value(const char*& at, const char* end, float& value) {
  int64_t whole = 0;
  if (read_whole(at, end, whole)) {
    value = static_cast<float>(whole);
    return true;
  }
  const std::string text(at, end);
  char* stop = nullptr;
  value = static_cast<float>(std::strtod(text.c_str(), &stop));
  at += stop - text.c_str();
  return stop > text.c_str();
}

// Returns the beginning of a line for a message, with '?' for any character
// that is not printable ASCII.
std::string shown(const char* begin, const char* end) {
  std::string text(begin, std::min(end, begin + 40));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return "'" + text + (end - begin > 40 ? "...'" : "'");
}

}  // namespace

MatrixMarketReader::MatrixMarketReader(std::string file, Layout layout,
                                       Order order, const StoreOptions& store)
    : file_(std::move(file)),
      layout_(std::move(layout)),
      order_(order),
      writer_(layout_.map.empty() ? layout_.n_features : layout_.n_kept,
              store) {}

template <typename... Parts>
void MatrixMarketReader::fail(const Parts&... what) const {
  throw_error(ErrorKind::kFile, "Line ", n_lines_, " of the file '", file_,
              "' ", what...);
}

bool MatrixMarketReader::add(const char* bytes, int64_t n) {
  const char* const end = bytes + n;
  while (bytes < end && in_order_ && !problem_) {
    const void* found = std::memchr(bytes, '\n', end - bytes);
    if (found == nullptr) {
      rest_.append(bytes, end);
      break;
    }
    const char* stop = static_cast<const char*>(found);
    if (rest_.empty()) {
      read_line(bytes, stop);
    } else {
      rest_.append(bytes, stop);
      const std::string line = std::exchange(rest_, {});
      read_line(line.data(), line.data() + line.size());
    }
    bytes = stop + 1;
  }
  return in_order_ && !problem_;
}

void MatrixMarketReader::read_line(const char* begin, const char* end) {
  ++n_lines_;
  if (part_ == Part::kBanner) return read_banner(begin, end);
  begin = skip_blanks(begin, end);
  if (begin == end || *begin == '%') return;
  if (part_ == Part::kSize) return read_size(begin, end);
  read_entry(begin, end);
}

void MatrixMarketReader::read_banner(const char* begin, const char* end) {
  static const std::regex kBanner(
      "%%matrixmarket(?=\\s|$)(\\s+matrix\\s+coordinate\\s+"
      "(integer|real|double|(pattern))\\s+general(?=\\s|$))?",
      std::regex::icase);
  std::cmatch found;
  if (!std::regex_search(begin, std::min(end, begin + 200), found, kBanner,
                         std::regex_constants::match_continuous)) {
    fail("is ", shown(begin, end),
         ", but a MatrixMarket file begins with '%%MatrixMarket matrix "
         "coordinate integer general'; is it another kind of file?");
  }
  if (!found[1].matched) {
    fail("is ", shown(begin, end),
         ", but counts are a general coordinate matrix of integer, real or "
         "pattern entries.");
  }
  pattern_ = found[3].matched;
  part_ = Part::kSize;
}

void MatrixMarketReader::read_size(const char* begin, const char* end) {
  const char* at = begin;
  if (!read_whole(at, end, n_rows_) || !read_whole(at, end, n_columns_) ||
      !read_whole(at, end, n_entries_) || skip_blanks(at, end) != end) {
    fail("is ", shown(begin, end),
         ", but must have the numbers of rows, columns and entries.");
  }
  const bool plain =
      n_rows_ == layout_.n_features && n_columns_ == layout_.n_cells;
  cells_in_rows_ =
      !plain && n_rows_ == layout_.n_cells && n_columns_ == layout_.n_features;
  if (!plain && !cells_in_rows_) {
    fail("says that the matrix has ", n_rows_, " rows and ", n_columns_,
         " columns, but the files beside it name ", layout_.n_features,
         " features and ", layout_.n_cells,
         " cells. Do the files belong together, and has none of them a "
         "heading?");
  }
  part_ = Part::kEntries;
}

void MatrixMarketReader::read_entry(const char* begin, const char* end) {
  const char* at = begin;
  int64_t row = 0;
  int64_t column = 0;
  float value = 1;
  if (!read_whole(at, end, row) || !read_whole(at, end, column) ||
      !(pattern_ || read_value(at, end, value)) ||
      skip_blanks(at, end) != end) {
    fail("is ", shown(begin, end), ", but must have a row, a column",
         (pattern_ ? "." : " and a count."));
  }
  if (row < 1 || row > n_rows_ || column < 1 || column > n_columns_) {
    fail("has an entry in row ", row, " and column ", column,
         ", but the matrix has ", n_rows_, " rows and ", n_columns_,
         " columns, counted from 1.");
  }
  if (++n_read_ > n_entries_) {
    fail("is one entry more than the ", n_entries_,
         " that the header of the file declares.");
  }
  add_entry(row - 1, column - 1, value);
}

void MatrixMarketReader::add_entry(int64_t row, int64_t column, float value) {
  const int64_t cell = cells_in_rows_ ? row : column;
  int64_t feature = cells_in_rows_ ? column : row;
  if (!layout_.map.empty()) feature = layout_.map[feature];
  if (cell > last_cell_) {
    // All pending entries are of cells before this one.
    if (order_ == Order::kByCells && pending_.size() >= kPackedEntries) {
      flush(cell);
    }
    last_cell_ = cell;
  }
  if (cell < writer_.n_cells()) {
    in_order_ = false;
  } else if (feature >= 0) {
    pending_.push_back(
        {static_cast<int32_t>(cell), static_cast<int32_t>(feature), value});
  }
}

// Returns the pending entries as rows of the cells before `end_cell`.
SparseRows MatrixMarketReader::take_pending(int64_t end_cell) {
  const int64_t first = writer_.n_cells();
  SparseRows rows;
  rows.offsets.assign(end_cell - first + 1, 0);
  for (const Entry& entry : pending_) ++rows.offsets[entry.cell - first + 1];
  for (size_t k = 1; k < rows.offsets.size(); ++k) {
    rows.offsets[k] += rows.offsets[k - 1];
  }
  rows.indices.resize(pending_.size());
  rows.values.resize(pending_.size());
  std::vector<int64_t> next(rows.offsets.begin(), rows.offsets.end() - 1);
  for (const Entry& entry : pending_) {
    const int64_t at = next[entry.cell - first]++;
    rows.indices[at] = entry.feature;
    rows.values[at] = entry.value;
  }
  if (order_ == Order::kAny) std::vector<Entry>().swap(pending_);
  pending_.clear();
  return rows;
}

void MatrixMarketReader::flush(int64_t end_cell) {
  problem_ = writer_.append(take_pending(end_cell));
}

CellSourcePtr MatrixMarketReader::finish() {
  // The last line may lack its newline. If more lines are missing, it is itself
  // truncated and must not be read.
  if (!rest_.empty() &&
      (part_ != Part::kEntries || n_read_ + 1 == n_entries_)) {
    const std::string line = std::exchange(rest_, {});
    read_line(line.data(), line.data() + line.size());
  }
  if (part_ != Part::kEntries || n_read_ < n_entries_) {
    const std::string read = part_ != Part::kEntries
                                 ? "before its first entry"
                                 : "with " + std::to_string(n_read_) +
                                       " of the " + std::to_string(n_entries_) +
                                       " entries that its header declares";
    throw_error(ErrorKind::kFile, "The file '", file_, "' ends after line ",
                n_lines_, ", ", read,
                ": it is cut short; copy or download it again.");
  }
  if (!problem_) flush(layout_.n_cells);
  return problem_ ? nullptr : writer_.finish();
}

}  // namespace sailer
