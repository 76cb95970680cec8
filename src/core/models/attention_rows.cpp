#include "attention_rows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "../support/to_device.h"

namespace sailer {
namespace {

int64_t longest(const Segments& segments) {
  int64_t most = 0;
  for (int64_t i = 0; i < segments.size(); ++i) {
    most = std::max(most, segments.length(i));
  }
  return most;
}

int64_t longest(const Segments& segments, const std::vector<int64_t>& cells) {
  int64_t most = 0;
  for (int64_t cell : cells) most = std::max(most, segments.length(cell));
  return most;
}

at::Tensor starts_on(const at::Device& device, const Segments& segments) {
  return to_device(at::tensor(segments.starts, at::kInt), device);
}

// First rows and lengths of some cells, on the device.
struct Rows {
  Rows(const at::Tensor& starts, const at::Tensor& cells)
      : first(starts.index_select(0, cells)),
        length(starts.index_select(0, cells + 1) - first) {}

  // Returns the row indices of n cells, from the one at `from` on, [n, width];
  // padding gets the index `behind`.
  at::Tensor places(int64_t from, int64_t n, int64_t width,
                    int64_t behind) const {
    const at::Tensor row = at::arange(width, first.options()).unsqueeze(0);
    const at::Tensor none = row.ge(length.narrow(0, from, n).unsqueeze(1));
    return (first.narrow(0, from, n).unsqueeze(1) + row)
        .masked_fill_(none, behind);
  }

  at::Tensor first, length;
};

}  // namespace

AttentionRows::AttentionRows(Segments queries, Segments keys,
                             const at::Device& device)
    : queries_(std::move(queries)),
      keys_(std::move(keys)),
      query_starts_(starts_on(device, queries_)),
      key_starts_(starts_on(device, keys_)),
      longest_query_(longest(queries_)),
      longest_key_(longest(keys_)) {}

const AttentionRows::Padded& AttentionRows::padded() const {
  if (padded_ != nullptr) return *padded_;
  std::vector<std::vector<int64_t>> groups = length_buckets(queries_, keys_);
  std::vector<int64_t> order;
  for (const auto& cells : groups) {
    order.insert(order.end(), cells.begin(), cells.end());
  }
  const at::Tensor cells = to_device(order, query_starts_.device());
  const Rows queries(query_starts_.to(at::kLong), cells),
      keys(key_starts_.to(at::kLong), cells);
  auto padded = std::make_shared<Padded>();
  std::vector<at::Tensor> all;  // query indices of all buckets
  int64_t from = 0;
  for (const auto& group : groups) {
    Bucket bucket;
    bucket.n_cells = n_of(group);
    bucket.n_queries = longest(queries_, group);
    bucket.n_keys = longest(keys_, group);
    const int64_t first = from, n = bucket.n_cells;
    from += n;
    if (bucket.n_queries == 0) continue;
    bucket.queries =
        queries.places(first, n, bucket.n_queries, queries_.total()).view({-1});
    const at::Tensor of_keys =
        keys.places(first, n, bucket.n_keys, keys_.total());
    bucket.keys = of_keys.view({-1});
    bucket.allowed = of_keys.ne(keys_.total()).view({n, 1, 1, bucket.n_keys});
    all.push_back(bucket.queries);
    padded->buckets.push_back(std::move(bucket));
  }
  if (!all.empty()) {
    // Padding writes to one extra element at the end, which is dropped.
    const at::Tensor places = at::cat(all);
    padded->place =
        at::empty({queries_.total() + 1}, places.options())
            .scatter_(0, places, at::arange(places.size(0), places.options()))
            .narrow(0, 0, queries_.total());
  }
  padded_ = std::move(padded);
  return *padded_;
}

std::vector<std::vector<int64_t>> length_buckets(const Segments& queries,
                                                 const Segments& keys,
                                                 int64_t short_enough) {
  const auto work = [&](int64_t cell) {
    return std::max(queries.length(cell), keys.length(cell));
  };
  std::vector<int64_t> order(queries.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return work(a) > work(b); });
  std::vector<std::vector<int64_t>> buckets;
  for (int64_t cell : order) {
    const bool fits =
        !buckets.empty() && work(buckets.back().front()) <=
                                std::max(short_enough, work(cell) * 9 / 8);
    if (!fits) buckets.emplace_back();
    buckets.back().push_back(cell);
  }
  return buckets;
}

}  // namespace sailer
