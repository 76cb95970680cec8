// Which rows attend to which in a minibatch: a query attends to the keys of its
// own cell. Created once for all layers that read the same rows.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "../data/stream/segments.h"

namespace sailer {

class AttentionRows {
 public:
  // Every cell that has a query must have a key.
  AttentionRows(Segments queries, Segments keys, const at::Device& device);

  const Segments& queries() const { return queries_; }
  const Segments& keys() const { return keys_; }

  // Where the rows of each cell begin: int32 [cells + 1], on the device.
  const at::Tensor& query_starts() const { return query_starts_; }
  const at::Tensor& key_starts() const { return key_starts_; }
  int64_t longest_query() const { return longest_query_; }
  int64_t longest_key() const { return longest_key_; }

  // Cells of similar length, each padded to the longest of them.
  struct Bucket {
    int64_t n_cells = 0, n_queries = 0, n_keys = 0;
    // Row indices, [n_cells * n_queries] and [n_cells * n_keys]. Padding after
    // the last row of a cell has the total number of rows as its index.
    at::Tensor queries, keys;
    at::Tensor allowed;  // [n_cells, 1, 1, n_keys], false for padding
  };
  struct Padded {
    std::vector<Bucket> buckets;  // of cells with queries
    at::Tensor place;  // index of each query in the concatenated buckets
  };
  // Created on first use, on the device; the host does not wait for it.
  const Padded& padded() const;

 private:
  Segments queries_, keys_;
  at::Tensor query_starts_, key_starts_;
  int64_t longest_query_ = 0, longest_key_ = 0;
  mutable std::shared_ptr<const Padded> padded_;
};

// Groups cells by length, the larger of a cell's numbers of queries and keys.
// The members of a group are padded to its longest cell, which is at most 9/8
// as long as each of them, or no longer than `short_enough`.
std::vector<std::vector<int64_t>> length_buckets(const Segments& queries,
                                                 const Segments& keys,
                                                 int64_t short_enough = 32);

}  // namespace sailer
