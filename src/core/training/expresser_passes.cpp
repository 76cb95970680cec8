#include "expresser_passes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/foreign_error.h"
#include "../support/shuffle.h"
#include "gene_residuals.h"

namespace sailer {
namespace {

// Cells that are read at a time.
constexpr int64_t kReadAhead = 256;

// For gene_shifts(): the minimum number of cells to use, if there are that
// many, and the number of predictions to collect before they are compared.
constexpr int64_t kShiftCells = 2000, kShiftBuffer = 100000;

// The cell's own seed, from its genes and their expression.
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
// stops if visit returns false, and then returns false.
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

// Calls visit(batch, first) with the cells of a piece, starting at its cell
// `first`: with all of them, or with fewer and fewer at a time if memory runs
// out. Later pieces stay as small.
template <typename Visit>
void visit_piece(const ExpresserModel& model, HostTokens&& tokens,
                 PassOptions& options, const Visit& visit) {
  const GeneBatch piece = to_batch(std::move(tokens), model.tensor_options());
  const int64_t n = piece.n_cells();
  int64_t at_once = n;
  const auto fewer = [&] {
    if (at_once == 1) return false;
    at_once = (at_once + 1) / 2;
    options.token_budget = std::max<int64_t>(
        1, std::min(options.token_budget, piece.tokens.total()) / 2);
    return true;
  };
  for (int64_t first = 0; first < n;) {
    first += with_less_memory(
        [&] {
          const int64_t taken = std::min(at_once, n - first);
          visit(taken == n ? piece : cells_of(piece, first, taken), first);
          return taken;
        },
        fewer);
  }
}

// Sends queries through the model: collects cells until their tokens fill the
// budget.
class QueryPacker {
 public:
  QueryPacker(const ExpresserModel& model, PassOptions& options,
              std::vector<float>& out)
      : model_(model),
        tokens_(model.token_options()),
        options_(options),
        out_(out) {}

  // `places` are the indices of the queries in the result, to whose values the
  // predictions are added.
  void add(const NormalizedCell& cell, const std::vector<int64_t>& observed,
           const std::vector<int32_t>& genes,
           const std::vector<int64_t>& places) {
    const auto more = static_cast<int64_t>(observed.size() + genes.size());
    if (piece_.n_tokens() + more > options_.token_budget) flush();
    append_query_cell(cell, observed, genes.data(), n_of(genes), tokens_,
                      piece_);
    places_.insert(places_.end(), places.begin(), places.end());
  }

  void flush() {
    if (piece_.n_cells() == 0) return;
    auto place = places_.begin();
    visit_piece(model_, std::move(piece_), options_,
                [&](const GeneBatch& batch, int64_t) {
                  const at::Tensor found =
                      model_.predict(batch, /*training=*/false)
                          .to(at::kCPU, at::kFloat)
                          .contiguous();
                  const float* values = found.data_ptr<float>();
                  for (int64_t k = 0; k < batch.n_masked(); ++k) {
                    out_[*place++] += values[k];
                  }
                });
    piece_ = HostTokens();
    places_.clear();
  }

 private:
  const ExpresserModel& model_;
  TokenOptions tokens_;
  PassOptions& options_;
  std::vector<float>& out_;
  HostTokens piece_;
  std::vector<int64_t> places_;
};

// Indices of the genes of a cell that are not among its queries. `asked` has a
// value for each gene of the model, all false before and after.
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

// Adds each query of a cell once, in random order, as many at a time as make up
// the share of tokens that was masked in training.
void add_round(const NormalizedCell& cell, const std::vector<int64_t>& observed,
               const GeneQueries& queries, int64_t first, int64_t n_queries,
               const TokenOptions& options, uint64_t seed,
               QueryPacker& packer) {
  const auto n = n_of(observed);
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

// Calls visit(batch, its cells) with the cells of a source, in pieces of up to
// token_budget tokens, all of them observed. Returns false if the monitor asked
// to stop.
template <typename Visit>
bool for_each_piece(const ExpresserModel& model, CellSource& source,
                    PassOptions& options, Monitor& monitor,
                    const Visit& visit) {
  at::NoGradGuard no_grad;
  const TokenOptions tokens = model.token_options();
  HostTokens piece;
  std::vector<int64_t> cells;
  const auto flush = [&] {
    if (cells.empty()) return;
    visit_piece(model, std::move(piece), options,
                [&](const GeneBatch& batch, int64_t first) {
                  visit(batch, cells.data() + first);
                });
    piece = HostTokens();
    cells.clear();
  };
  const bool done =
      for_each_cell(source, [&](int64_t i, const NormalizedCell& cell) {
        const auto n = n_of(cell.genes);
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
  if (done) flush();
  return done;
}

// Calls append(observed, masked) as many times as needed to mask each of a
// cell's genes at `places` once, at most max_genes of them, drawn at random.
template <typename Append>
void mask_each_once(std::vector<int64_t> places, const TokenOptions& options,
                    uint64_t seed, const Append& append) {
  const auto n = n_of(places);
  const int64_t taken = std::min(n, options.max_genes);
  const int64_t at_once = n_masked(taken, options.mask_ratio);
  if (at_once == 0) return;
  std::vector<int64_t> order = choose(n, taken, seed);
  for (int64_t& place : order) place = places[place];
  for (int64_t first = 0; first < taken; first += at_once) {
    const int64_t end = std::min(taken, first + at_once);
    std::vector<int64_t> observed(order.begin(), order.begin() + first);
    observed.insert(observed.end(), order.begin() + end, order.end());
    append(observed,
           std::vector<int64_t>(order.begin() + first, order.begin() + end));
  }
}

}  // namespace

std::vector<float> embed_expression(const ExpresserModel& model,
                                    CellSource& source, bool expression,
                                    PassOptions& options, Monitor& monitor) {
  const int64_t d = model.options().n_embedding;
  std::vector<float> out(source.n_cells() * d, 0.0f);
  const auto visit = [&](const GeneBatch& batch, const int64_t* cells) {
    const at::Tensor found =
        model.embed(batch, expression).to(at::kCPU, at::kFloat).contiguous();
    for (int64_t i = 0; i < batch.n_cells(); ++i) {
      const float* row = found.data_ptr<float>() + i * d;
      std::copy(row, row + d, out.begin() + cells[i] * d);
    }
  };
  if (!for_each_piece(model, source, options, monitor, visit)) return {};
  return out;
}

std::vector<float> embed_genes(const ExpresserModel& model, CellSource& source,
                               PassOptions& options, Monitor& monitor) {
  const at::TensorOptions sums = model.tensor_options().dtype(at::kDouble);
  at::Tensor sum =
      at::zeros({model.n_genes(), model.options().n_embedding}, sums);
  at::Tensor n = at::zeros({model.n_genes(), 1}, sums);
  const auto visit = [&](const GeneBatch& batch, const int64_t*) {
    const at::Tensor tokens =
        model.encode(batch, /*training=*/false).to(at::kDouble);
    const at::Tensor ones = at::ones({tokens.size(0), 1}, sums);
    sum.index_add_(0, batch.genes, tokens);
    n.index_add_(0, batch.genes, ones);
  };
  if (!for_each_piece(model, source, options, monitor, visit)) return {};
  const at::Tensor mean = (sum / n).to(at::kCPU, at::kFloat).contiguous();
  const float* values = mean.data_ptr<float>();
  return {values, values + mean.numel()};
}

std::vector<float> gene_shifts(const ExpresserModel& model, CellSource& source,
                               const GeneQueries& queries, PassOptions& options,
                               Monitor& monitor) {
  at::NoGradGuard no_grad;
  const TokenOptions tokens = model.token_options();
  GeneResiduals residuals(model.n_genes());
  std::vector<bool> asked(model.n_genes(), false);
  std::vector<float> truth, found;  // for the queries in the packer
  std::vector<int32_t> masked;
  QueryPacker packer(model, options, found);
  const auto flush = [&] {
    packer.flush();
    for (size_t k = 0; k < masked.size(); ++k) {
      residuals.add(masked[k], static_cast<double>(truth[k]) - found[k]);
    }
    truth.clear();
    found.clear();
    masked.clear();
  };
  const int64_t stride = std::max<int64_t>(1, source.n_cells() / kShiftCells);
  const auto visit = [&](int64_t i, const NormalizedCell& cell) {
    if (i % stride != 0) return true;
    const int64_t first = queries.starts[i];
    const std::vector<int64_t> places =
        others(cell, queries.genes.data() + first,
               queries.starts[i + 1] - first, asked);
    mask_each_once(places, tokens, hash_of(cell),
                   [&](const std::vector<int64_t>& observed,
                       const std::vector<int64_t>& rest) {
                     std::vector<int32_t> genes;
                     std::vector<int64_t> at;
                     for (int64_t place : rest) {
                       genes.push_back(cell.genes[place]);
                       at.push_back(n_of(truth));
                       truth.push_back(cell.values[place]);
                     }
                     found.resize(truth.size(), 0.0f);
                     masked.insert(masked.end(), genes.begin(), genes.end());
                     packer.add(cell, observed, genes, at);
                   });
    if (n_of(truth) > kShiftBuffer) flush();
    return go_on(monitor, i, source.n_cells());
  };
  if (!for_each_cell(source, visit)) return {};
  flush();
  return residuals.shrunk();
}

std::vector<float> impute_expression(const ExpresserModel& model,
                                     CellSource& source,
                                     const GeneQueries& queries,
                                     PassOptions& options, Monitor& monitor) {
  at::NoGradGuard no_grad;
  const TokenOptions tokens = model.token_options();
  std::vector<float> out(queries.genes.size(), 0.0f), shifts;
  if (options.adapt) {
    shifts = gene_shifts(model, source, queries, options, monitor);
    if (shifts.empty()) return {};
  }
  QueryPacker packer(model, options, out);
  std::vector<bool> asked(model.n_genes(), false);
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
  for (size_t k = 0; k < out.size(); ++k) {
    out[k] /= passes;
    if (!options.adapt) continue;
    out[k] += shifts[queries.genes[k]];
    if (out[k] < 0) out[k] = 0;  // NaN stays
  }
  return out;
}

}  // namespace sailer
