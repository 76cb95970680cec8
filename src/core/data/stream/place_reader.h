// Cells in a given order as places of their open peaks in the model: reads,
// binarises, renumbers and drops at once, so that nothing else is ever held.
// Torch-free.
//
// From memory each cell is read when it is asked for. From a file cells are
// read ahead in pools (BlockPlan), each block of a pool once; while one pool is
// served the next is read, a share of it with every minibatch. What is served
// never depends on the pools.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "../readers/cell_source.h"
#include "block_plan.h"

namespace sailer {

class PlaceReader {
 public:
  // place_of[feature] is the feature's place in the model, or -1.
  PlaceReader(CellSourcePtr source, std::vector<int32_t> place_of,
              const PoolLimits& limits);

  const BlockPlan& plan() const { return plan_; }

  // Serves cells[position], cells[position + 1] ... from now on. `cells` is
  // borrowed.
  void start(const std::vector<int64_t>& cells, int64_t position);

  // Appends the next n cells to `out`: their places, rising. False when `stop`
  // became true, asked before every block; then start() has to be called, as
  // after an exception.
  bool read(int64_t n, OpenRows& out, const std::atomic<bool>& stop);

  // Gives back the memory of what was read ahead; start() has to be called.
  void release();

  // Most bytes of places held so far.
  int64_t most_bytes() const { return most_bytes_; }

 private:
  // The cells [first, last) of the order: those of by_block[0, done) are read,
  // and stand in `rows` in that order.
  struct Pool {
    int64_t first = 0, last = 0;
    std::vector<int64_t> by_block;  // positions in the order
    int64_t done = 0;
    OpenRows rows;
    std::vector<int32_t> row_of;  // by position - first

    bool complete() const { return done == last - first; }
  };

  void open_pool(int64_t first, Pool& pool) const;
  int64_t end_of_pool(int64_t first) const;
  bool read_pool(Pool& pool, int64_t until, const std::atomic<bool>& stop);
  bool read_pooled(int64_t n, OpenRows& out, const std::atomic<bool>& stop);
  bool read_held(int64_t n, OpenRows& out, const std::atomic<bool>& stop);
  void append(const int64_t* cells, int64_t n, OpenRows& out);
  void sort_row(int32_t* places, int64_t n);

  CellSourcePtr source_;
  std::vector<int32_t> place_of_;
  PoolLimits limits_;
  BlockPlan plan_;

  const std::vector<int64_t>* order_ = nullptr;
  int64_t position_ = 0;
  bool along_file_ = false;  // the order follows the blocks: no need to mix
  Pool pool_, next_;
  OpenRows held_;  // all cells of the source, or the first of them
  std::vector<uint64_t> bits_;
  int64_t most_bytes_ = 0;
};

}  // namespace sailer
