#include "gene_tokens.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <utility>

#include "../../support/shuffle.h"

namespace sailer {
namespace {

constexpr double kPerCell = 1e4;  // 4.2.1: counts of a cell are scaled to this

float largest_of(const NormalizedCell& cell, const int64_t* places, int64_t n) {
  float largest = 0;
  for (int64_t k = 0; k < n; ++k) {
    largest = std::max(largest, cell.values[places[k]]);
  }
  return largest;
}

// Sorts the genes, so that random choices do not depend on the gene order of
// the source.
void sort_genes(NormalizedCell& cell) {
  if (std::is_sorted(cell.genes.begin(), cell.genes.end())) return;
  std::vector<std::pair<int32_t, float>> entries;
  for (size_t k = 0; k < cell.genes.size(); ++k) {
    entries.emplace_back(cell.genes[k], cell.values[k]);
  }
  std::sort(entries.begin(), entries.end());
  for (size_t k = 0; k < entries.size(); ++k) {
    cell.genes[k] = entries[k].first;
    cell.values[k] = entries[k].second;
  }
}

void append_observed(const NormalizedCell& cell, const int64_t* places,
                     int64_t n, float largest, int64_t n_bins,
                     HostTokens& out) {
  for (int64_t k = 0; k < n; ++k) {
    out.observed.push_back(out.n_tokens());
    out.bins.push_back(bin_of(cell.values[places[k]], largest, n_bins));
    out.values.push_back(cell.values[places[k]]);
    out.log_counts.push_back(
        std::log(std::expm1(cell.values[places[k]]) / cell.per_count));
    out.genes.push_back(cell.genes[places[k]]);
  }
}

void append_masked(int32_t gene, float target, float largest, float per_count,
                   HostTokens& out) {
  out.masked.push_back(out.n_tokens());
  out.targets.push_back(target);
  out.largest.push_back(largest);
  out.per_count.push_back(per_count);
  out.genes.push_back(gene);
}

void end_cell(HostTokens& out) {
  out.token_starts.push_back(out.n_tokens());
  out.observed_starts.push_back(n_of(out.observed));
  out.masked_starts.push_back(n_of(out.masked));
}

}  // namespace

void normalize_cell(const SparseRows& rows, int64_t row, NormalizedCell& out) {
  out.genes.clear();
  out.values.clear();
  double total = 0;
  for (int64_t k = rows.offsets[row]; k < rows.offsets[row + 1]; ++k) {
    if (!(rows.values[k] > 0)) continue;
    total += rows.values[k];
    out.genes.push_back(rows.indices[k]);
    out.values.push_back(rows.values[k]);
  }
  for (float& value : out.values) {
    value = static_cast<float>(std::log1p(kPerCell * value / total));
  }
  out.per_count = static_cast<float>(total > 0 ? kPerCell / total : 1);
  sort_genes(out);
}

std::vector<int64_t> usable_cells(const CellSource& source) {
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < source.n_cells(); ++i) {
    if (source.n_entries(i, 1) >= 2) cells.push_back(i);
  }
  return cells;
}

std::vector<float> log_normalized(CellSource& source,
                                  const std::vector<int64_t>& genes) {
  std::vector<int64_t> place_of(source.n_features(), -1);
  for (int64_t k = 0; k < n_of(genes); ++k) place_of[genes[k]] = k;
  std::vector<float> out(source.n_cells() * n_of(genes), 0.0f);
  SparseRows rows;
  NormalizedCell cell;
  for (int64_t i = 0; i < source.n_cells(); ++i) {
    rows.clear();
    source.read(i, 1, rows);
    normalize_cell(rows, 0, cell);
    for (size_t k = 0; k < cell.genes.size(); ++k) {
      const int64_t place = place_of[cell.genes[k]];
      if (place >= 0) out[i * n_of(genes) + place] = cell.values[k];
    }
  }
  return out;
}

double mean_expression(CellSource& source, const std::vector<int64_t>& cells) {
  constexpr size_t kCells = 500;
  const size_t stride = std::max<size_t>(1, cells.size() / kCells);
  SparseRows rows;
  NormalizedCell cell;
  double sum = 0, n = 0;
  for (size_t k = 0; k < cells.size(); k += stride) {
    rows.clear();
    source.read(cells[k], 1, rows);
    normalize_cell(rows, 0, cell);
    n += static_cast<double>(cell.values.size());
    sum = std::accumulate(cell.values.begin(), cell.values.end(), sum);
  }
  return n > 0 ? sum / n : 0;
}

int64_t bin_of(double value, double largest, int64_t n_bins) {
  const auto bin = static_cast<int64_t>(std::ceil(
                       value * static_cast<double>(n_bins) / largest)) -
                   1;
  return std::clamp<int64_t>(bin, 0, n_bins - 1);
}

int64_t n_masked(int64_t n_genes, double mask_ratio) {
  if (n_genes < 2) return 0;
  const auto share = static_cast<int64_t>(
      std::llround(mask_ratio * static_cast<double>(n_genes)));
  return std::clamp<int64_t>(share, 1, n_genes - 1);
}

std::vector<int64_t> choose(int64_t n, int64_t count, uint64_t seed) {
  std::vector<int64_t> places(n);
  std::iota(places.begin(), places.end(), int64_t{0});
  std::mt19937_64 engine(seed);
  for (int64_t k = 0; k < count; ++k) {
    const auto rest = static_cast<uint64_t>(n - k);
    std::swap(places[k],
              places[k + static_cast<int64_t>(uniform_below(engine, rest))]);
  }
  places.resize(count);
  return places;
}

bool append_training_cell(const NormalizedCell& cell,
                          const TokenOptions& options, uint64_t seed,
                          HostTokens& out) {
  const auto n = n_of(cell.genes);
  const int64_t taken = std::min(n, options.max_genes);
  const int64_t masked = n_masked(taken, options.mask_ratio);
  if (masked == 0) return false;
  // In random order: the first genes are observed, the last ones masked.
  const std::vector<int64_t> places = choose(n, taken, seed);
  const int64_t observed = taken - masked;
  const float largest = largest_of(
      cell, places.data(), options.largest_from_masked ? taken : observed);
  append_observed(cell, places.data(), observed, largest, options.n_bins, out);
  for (int64_t k = observed; k < taken; ++k) {
    append_masked(cell.genes[places[k]], cell.values[places[k]], largest,
                  cell.per_count, out);
  }
  end_cell(out);
  return true;
}

void append_query_cell(const NormalizedCell& cell,
                       const std::vector<int64_t>& observed,
                       const int32_t* queries, int64_t n_queries,
                       const TokenOptions& options, HostTokens& out) {
  const auto n = n_of(observed);
  const float largest = largest_of(cell, observed.data(), n);
  append_observed(cell, observed.data(), n, largest, options.n_bins, out);
  for (int64_t k = 0; k < n_queries; ++k) {
    append_masked(queries[k], 0, largest, cell.per_count, out);
  }
  end_cell(out);
}

}  // namespace sailer
