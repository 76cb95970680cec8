#include "expresser_passes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/shuffle.h"

namespace sailer {
namespace {

// Cells that are read together.
constexpr int64_t kReadAhead = 256;

// A cell's own seed: of its genes and expressions.
uint64_t hash_of(const NormalizedCell& cell) {
  uint64_t hash = 0;
  for (size_t k = 0; k < cell.genes.size(); ++k) {
    const auto value = static_cast<uint64_t>(
        std::llround(1e4 * static_cast<double>(cell.values[k])));
    hash += derive_seed(static_cast<uint64_t>(cell.genes[k]), value);
  }
  return hash;
}

// Calls visit(cell, its normalised genes) for all cells of a source in order;
// stops when it returns false.
template <typename Visit>
bool for_each_cell(CellSource& source, const Visit& visit) {
  SparseRows rows;
  NormalizedCell cell;
  for (int64_t first = 0; first < source.n_cells(); first += kReadAhead) {
    const int64_t count = std::min(kReadAhead, source.n_cells() - first);
    rows.clear();
    source.read(first, count, rows);
    for (int64_t r = 0; r < count; ++r) {
      normalize_cell(rows, r, cell);
      if (!visit(first + r, cell)) return false;
    }
  }
  return true;
}

bool go_on(Monitor& monitor, int64_t done, int64_t n) {
  Progress progress;
  progress.cells_done = done;
  progress.n_cells = n;
  return monitor.keep_going(progress);
}

// Queries on their way through the model: cells are collected until their
// tokens are as many as the budget.
class QueryPacker {
 public:
  QueryPacker(const ExpresserModel& model, const PassOptions& options,
              std::vector<float>& out)
      : model_(model),
        tokens_(model.token_options()),
        budget_(options.token_budget),
        out_(out) {}

  // `places` of the queries in the result, to which predictions are added.
  void add(const NormalizedCell& cell, const std::vector<int64_t>& observed,
           const std::vector<int32_t>& genes,
           const std::vector<int64_t>& places) {
    const auto more = static_cast<int64_t>(observed.size() + genes.size());
    if (piece_.n_tokens() + more > budget_) flush();
    append_query_cell(cell, observed, genes.data(),
                      static_cast<int64_t>(genes.size()), tokens_, piece_);
    places_.insert(places_.end(), places.begin(), places.end());
  }

  void flush() {
    if (piece_.n_cells() == 0) return;
    const GeneBatch batch =
        to_batch(std::move(piece_), model_.tensor_options());
    piece_ = HostTokens();
    const at::Tensor found = model_.predict(batch, /*training=*/false)
                                 .to(at::kCPU, at::kFloat)
                                 .contiguous();
    const float* values = found.data_ptr<float>();
    for (size_t k = 0; k < places_.size(); ++k) out_[places_[k]] += values[k];
    places_.clear();
  }

 private:
  const ExpresserModel& model_;
  TokenOptions tokens_;
  int64_t budget_;
  std::vector<float>& out_;
  HostTokens piece_;
  std::vector<int64_t> places_;
};

// Places of the genes of a cell that are none of its queries.
std::vector<int64_t> others(const NormalizedCell& cell, const int32_t* queries,
                            int64_t n_queries, std::vector<bool>& asked) {
  for (int64_t k = 0; k < n_queries; ++k) asked[queries[k]] = true;
  std::vector<int64_t> places;
  for (size_t k = 0; k < cell.genes.size(); ++k) {
    if (!asked[cell.genes[k]]) places.push_back(static_cast<int64_t>(k));
  }
  for (int64_t k = 0; k < n_queries; ++k) asked[queries[k]] = false;
  return places;
}

// One round over the queries of a cell: in random order, so many at a time that
// they are the share of the tokens that training masked.
void add_round(const NormalizedCell& cell, const std::vector<int64_t>& observed,
               const GeneQueries& queries, int64_t first, int64_t n_queries,
               const TokenOptions& options, uint64_t seed,
               QueryPacker& packer) {
  const auto n = static_cast<int64_t>(observed.size());
  const double ratio = options.mask_ratio;
  const int64_t most = std::max<int64_t>(
      1, std::llround((1 - ratio) * static_cast<double>(options.max_genes)));
  const int64_t seen = std::min(n, most);
  const int64_t at_once = std::max<int64_t>(
      1, std::llround(ratio / (1 - ratio) * static_cast<double>(seen)));
  const std::vector<int64_t> order =
      choose(n_queries, n_queries, derive_seed(seed, 0));
  uint64_t part = 0;
  for (int64_t done = 0; done < n_queries; done += at_once) {
    const int64_t end = std::min(n_queries, done + at_once);
    std::vector<int64_t> taken = observed;
    if (seen < n) {
      taken = choose(n, seen, derive_seed(seed, ++part));
      for (int64_t& place : taken) place = observed[place];
    }
    std::vector<int32_t> genes;
    std::vector<int64_t> places;
    for (int64_t k = done; k < end; ++k) {
      places.push_back(first + order[k]);
      genes.push_back(queries.genes[places.back()]);
    }
    packer.add(cell, taken, genes, places);
  }
}

}  // namespace

std::vector<float> embed_expression(const ExpresserModel& model,
                                    CellSource& source,
                                    const PassOptions& options,
                                    Monitor& monitor) {
  at::NoGradGuard no_grad;
  const int64_t d = model.options().n_embedding;
  const TokenOptions tokens = model.token_options();
  std::vector<float> out(static_cast<size_t>(source.n_cells() * d), 0.0f);
  HostTokens piece;
  std::vector<int64_t> cells;
  const auto flush = [&] {
    if (cells.empty()) return;
    const at::Tensor found =
        model.embed(to_batch(std::move(piece), model.tensor_options()))
            .to(at::kCPU, at::kFloat)
            .contiguous();
    for (size_t i = 0; i < cells.size(); ++i) {
      const float* row = found.data_ptr<float>() + i * d;
      std::copy(row, row + d, out.begin() + cells[i] * d);
    }
    piece = HostTokens();
    cells.clear();
  };
  const bool done =
      for_each_cell(source, [&](int64_t i, const NormalizedCell& cell) {
        const auto n = static_cast<int64_t>(cell.genes.size());
        const int64_t taken = std::min(n, tokens.max_genes);
        if (taken == 0) return true;
        if (piece.n_tokens() + taken > options.token_budget) {
          flush();
          if (!go_on(monitor, i, source.n_cells())) return false;
        }
        append_query_cell(cell, choose(n, taken, hash_of(cell)), nullptr, 0,
                          tokens, piece);
        cells.push_back(i);
        return true;
      });
  if (!done) return {};
  flush();
  return out;
}

std::vector<float> impute_expression(const ExpresserModel& model,
                                     CellSource& source,
                                     const GeneQueries& queries,
                                     const PassOptions& options,
                                     Monitor& monitor) {
  at::NoGradGuard no_grad;
  const TokenOptions tokens = model.token_options();
  std::vector<float> out(queries.genes.size(), 0.0f);
  QueryPacker packer(model, options, out);
  std::vector<bool> asked(static_cast<size_t>(model.n_genes()), false);
  const bool done =
      for_each_cell(source, [&](int64_t i, const NormalizedCell& cell) {
        const int64_t first = queries.starts[i];
        const int64_t n = queries.starts[i + 1] - first;
        if (n == 0) return true;
        const std::vector<int64_t> observed =
            others(cell, queries.genes.data() + first, n, asked);
        if (observed.empty()) {
          std::fill(out.begin() + first, out.begin() + first + n,
                    std::numeric_limits<float>::quiet_NaN());
          return true;
        }
        const uint64_t seed = hash_of(cell);
        for (int64_t pass = 0; pass < options.n_passes; ++pass) {
          add_round(cell, observed, queries, first, n, tokens,
                    derive_seed(seed, static_cast<uint64_t>(pass)), packer);
        }
        return go_on(monitor, i, source.n_cells());
      });
  if (!done) return {};
  packer.flush();
  const auto passes = static_cast<float>(options.n_passes);
  for (float& value : out) value /= passes;
  return out;
}

}  // namespace sailer
