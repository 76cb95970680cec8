// Which rows meet in the attention of a minibatch: a query meets the keys of
// its own cell. Made once for all layers that read the same rows.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "../data/stream/segments.h"

namespace sailer {

class AttentionRows {
 public:
  // Every cell with a query has a key.
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
    // Places of rows, [n_cells * n_queries] and [n_cells * n_keys]: behind the
    // last row of a cell stands the number of all rows.
    at::Tensor queries, keys;
    at::Tensor allowed;  // [n_cells, 1, 1, n_keys], false behind the last row
  };
  struct Padded {
    std::vector<Bucket> buckets;  // of cells with queries
    at::Tensor place;  // of each query among the padded ones of all buckets
  };
  // Made when it is first asked for, by the device: nothing waits for it.
  const Padded& padded() const;

 private:
  Segments queries_, keys_;
  at::Tensor query_starts_, key_starts_;
  int64_t longest_query_ = 0, longest_key_ = 0;
  mutable std::shared_ptr<const Padded> padded_;
};

// Cells by length, in groups whose members are padded to the longest: a group
// holds cells of which no padded row count is above 9/8 of its own, or that are
// shorter than `short_enough`.
std::vector<std::vector<int64_t>> length_buckets(const Segments& queries,
                                                 const Segments& keys,
                                                 int64_t short_enough = 32);

}  // namespace sailer
