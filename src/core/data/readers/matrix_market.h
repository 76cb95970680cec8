// Counts in a MatrixMarket file (matrix.mtx): text, one entry per line.
//
// The caller decompresses the file and passes its bytes. Entries are packed as
// they arrive, so that a file sorted by cells (10x, R, scipy's CSC) takes
// little more memory than its packed cells. If `in_order()` is false, the file
// is in another order: read it again with `Order::kAny`, which holds 12 bytes
// per entry.
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
    // Numbers of names in the accompanying files. A cells x features matrix is
    // read too, if its size shows that it is one.
    int64_t n_features = 0;
    int64_t n_cells = 0;
    // Index of each feature among the `n_kept` to read; empty: all are read.
    FeatureMap map;
    int64_t n_kept = 0;
  };

  // `file`: its name, for messages. `store`: how its cells are packed.
  MatrixMarketReader(std::string file, Layout layout, Order order,
                     const StoreOptions& store);

  // Takes the next bytes of the file, in pieces of any size. Returns false if
  // there is no point in reading on: a count cannot be used, or the file is not
  // in order. Throws Error(kFile) with the number of a line it cannot read.
  bool add(const char* bytes, int64_t n);

  bool in_order() const { return in_order_; }
  const CountProblem& problem() const { return problem_; }

  // Returns the cells, after the last bytes. Throws Error(kFile) if lines are
  // missing. Returns null if there is a problem with a count.
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
  int64_t n_entries_ = 0;  // according to the file
  int64_t n_read_ = 0;
  int64_t n_lines_ = 0;
  std::string rest_;  // start of a line that continues in the next bytes

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
