// Counts in a MatrixMarket file (matrix.mtx): text, one entry a line.
//
// The caller unpacks the file and hands over its bytes; entries are packed as
// they come, so that a file sorted by cells (10x, R, scipy's CSC) takes no more
// memory than its packed cells. `in_order()` says that one is in another order:
// read it again with `Order::kAny`, which holds 12 bytes for each entry.
#pragma once

#include <string>
#include <vector>

#include "../feature_map.h"
#include "../store/store.h"

namespace sailer {

class MatrixMarketReader {
 public:
  enum class Order { kByCells, kAny };

  struct Layout {
    // Of the names beside the matrix. A matrix of cells x features is read
    // too, where its size tells.
    int64_t n_features = 0;
    int64_t n_cells = 0;
    // The place of each feature among the `n_kept` that are read; empty: all.
    FeatureMap map;
    int64_t n_kept = 0;
  };

  // `file`: its name, for messages. `store`: how its cells are packed.
  MatrixMarketReader(std::string file, Layout layout, Order order,
                     const StoreOptions& store);

  // The next bytes of the file, in pieces of any size. False when there is no
  // point in reading on: a count cannot be used, or the order is another.
  // Throws Error(kFile) that names the line.
  bool add(const char* bytes, int64_t n);

  bool in_order() const { return in_order_; }
  const CountProblem& problem() const { return problem_; }

  // After the last bytes: the cells. Throws Error(kFile) when lines are
  // missing. NULL when there is a problem with a count.
  CellSourcePtr finish();

 private:
  enum class Part { kBanner, kSize, kEntries };

  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... what) const;
  void read_line(const char* begin, const char* end);
  void read_banner(const char* begin, const char* end);
  void read_size(const char* begin, const char* end);
  void read_entry(const char* begin, const char* end);
  void add_entry(int64_t row, int64_t column, float value);
  void flush(int64_t end_cell);
  SparseRows take_pending(int64_t end_cell);

  std::string file_;
  Layout layout_;
  Order order_;
  StoreWriter writer_;
  Part part_ = Part::kBanner;
  bool pattern_ = false;        // entries without values
  bool cells_in_rows_ = false;  // cells x features
  int64_t n_rows_ = 0;
  int64_t n_columns_ = 0;
  int64_t n_entries_ = 0;  // as the file says
  int64_t n_read_ = 0;
  int64_t n_lines_ = 0;
  std::string rest_;  // of a line that continues in the next bytes

  struct Entry {
    int32_t cell;
    int32_t feature;
    float value;
  };
  std::vector<Entry> pending_;
  int64_t last_cell_ = -1;  // the largest so far
  bool in_order_ = true;
  CountProblem problem_;
};

}  // namespace sailer
