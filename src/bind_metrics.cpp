// Bindings for the measures in src/core/evaluation. R has checked the arguments
// and numbered all classes from 0 (R/metrics.R); nothing is computed here.

#include <Rcpp.h>

#include <algorithm>
#include <vector>

#include "bindings/errors.h"
#include "core/evaluation/dice.h"
#include "core/evaluation/mixing.h"
#include "core/evaluation/mutual_information.h"

using namespace sailer;

namespace {

// Estimates every column of the embedding against `c`, and checks between
// columns whether the user wants to stop.
template <typename Confounder>
Rcpp::NumericVector estimate_columns(const Rcpp::NumericMatrix& embedding,
                                     const Confounder& c, int k, double seed) {
  MutualInformationOptions options;
  options.k = k;
  options.seed = static_cast<std::uint64_t>(seed);
  Rcpp::NumericVector result(embedding.ncol());
  for (int d = 0; d < embedding.ncol(); ++d) {
    Rcpp::checkUserInterrupt();
    const auto column = embedding.column(d);
    options.stream = static_cast<std::uint64_t>(d);
    result[d] = mutual_information(
        std::vector<double>(column.begin(), column.end()), c, options);
  }
  return result;
}

// `index` and `distance` are transposed, neighbours x cells, and count from 0.
Neighbors as_neighbors(const Rcpp::IntegerMatrix& index) {
  return {{index.begin(), index.end()},
          {},
          static_cast<std::size_t>(index.ncol()),
          static_cast<std::size_t>(index.nrow())};
}

// Column j of a compressed sparse matrix; a matrix with one column stands for
// any column.
OpenPeaks peaks_of(const Rcpp::IntegerVector& offsets,
                   const Rcpp::IntegerVector& index, R_xlen_t j) {
  const R_xlen_t column = offsets.size() == 2 ? 0 : j;
  return {index.begin() + offsets[column],
          static_cast<std::size_t>(offsets[column + 1] - offsets[column])};
}

}  // namespace

// [[Rcpp::export]]
Rcpp::NumericVector core_mutual_information_numeric(
    const Rcpp::NumericMatrix& embedding, const std::vector<double>& c, int k,
    double seed) {
  return guarded([&] { return estimate_columns(embedding, c, k, seed); });
}

// [[Rcpp::export]]
Rcpp::NumericVector core_mutual_information_classes(
    const Rcpp::NumericMatrix& embedding, const std::vector<int>& c, int k,
    double seed) {
  return guarded([&] { return estimate_columns(embedding, c, k, seed); });
}

// [[Rcpp::export]]
Rcpp::List core_batch_mixing(const Rcpp::IntegerMatrix& index,
                             const std::vector<int>& batch, int n_batches) {
  return guarded([&] {
    const auto mixing = batch_mixing(as_neighbors(index), batch, n_batches);
    Rcpp::NumericMatrix proportions(index.ncol(), n_batches,
                                    mixing.proportions.begin());
    return Rcpp::List::create(Rcpp::_["proportions"] = proportions,
                              Rcpp::_["deviation"] = mixing.deviation,
                              Rcpp::_["chi_square"] = mixing.chi_square);
  });
}

// [[Rcpp::export]]
std::vector<double> core_lisi(const Rcpp::IntegerMatrix& index,
                              const Rcpp::NumericMatrix& distance,
                              const std::vector<int>& labels, int n_classes,
                              double perplexity) {
  return guarded([&] {
    auto neighbors = as_neighbors(index);
    neighbors.distance.assign(distance.begin(), distance.end());
    LisiOptions options;
    options.perplexity = perplexity;
    return lisi(neighbors, labels, n_classes, options);
  });
}

// [[Rcpp::export]]
Rcpp::NumericVector core_dice_scores(
    const Rcpp::IntegerVector& truth_offsets,
    const Rcpp::IntegerVector& truth_index,
    const Rcpp::IntegerVector& estimate_offsets,
    const Rcpp::IntegerVector& estimate_index) {
  return guarded([&] {
    const R_xlen_t n =
        std::max(truth_offsets.size(), estimate_offsets.size()) - 1;
    Rcpp::NumericVector scores(n);
    for (R_xlen_t j = 0; j < n; ++j) {
      scores[j] = dice_score(peaks_of(truth_offsets, truth_index, j),
                             peaks_of(estimate_offsets, estimate_index, j));
    }
    return scores;
  });
}
