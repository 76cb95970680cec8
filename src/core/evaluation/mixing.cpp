#include "mixing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"

namespace sailer {
namespace {

// Throws Error(kArgument) unless sizes and indices fit together and there is
// one label, 0 ... n_classes - 1, per cell.
void check_neighbors(const Neighbors& neighbors, const std::vector<int>& labels,
                     int n_classes) {
  const std::size_t n = neighbors.n_cells;
  require(neighbors.k > 0 && neighbors.index.size() == n * neighbors.k,
          "The neighbours must be a matrix of cells x k with k > 0.");
  require(labels.size() == n, "One label per cell is needed: found ",
          labels.size(), " for ", n, " cells.");
  for (int i : neighbors.index) {
    require(i >= 0 && static_cast<std::size_t>(i) < n,
            "A neighbour index lies outside of the cells.");
  }
  for (int label : labels) {
    require(label >= 0 && label < n_classes,
            "A label lies outside of its classes.");
  }
}

}  // namespace

Mixing batch_mixing(const Neighbors& neighbors, const std::vector<int>& batch,
                    int n_batches) {
  check_neighbors(neighbors, batch, n_batches);
  const std::size_t n = neighbors.n_cells;
  std::vector<double> sizes(n_batches, 0.0), counts(n_batches);
  for (int b : batch) sizes[b] += 1.0;
  for (double size : sizes) require(size > 0, "A batch has no cells.");
  Mixing mixing{std::vector<double>(n * sizes.size()), std::vector<double>(n),
                std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    std::fill(counts.begin(), counts.end(), 0.0);
    for (std::size_t j = i * neighbors.k; j < (i + 1) * neighbors.k; ++j) {
      counts[batch[neighbors.index[j]]] += 1.0;
    }
    double total = 0.0;
    for (int b = 0; b < n_batches; ++b) total += counts[b] / sizes[b];
    for (int b = 0; b < n_batches; ++b) {
      const double share = counts[b] / sizes[b] / total;
      // Expected neighbours from this batch in a fair draw.
      const double fair =
          static_cast<double>(neighbors.k) * sizes[b] / static_cast<double>(n);
      mixing.proportions[b * n + i] = share;
      mixing.deviation[i] += 0.5 * std::fabs(share - 1.0 / n_batches);
      mixing.chi_square[i] += (counts[b] - fair) * (counts[b] - fair) / fair;
    }
  }
  return mixing;
}

namespace {

// Sets normalised weights for one beta and returns their entropy. Distances are
// measured relative to that of the nearest neighbour, which changes neither and
// prevents all weights from underflowing.
double weigh(const double* distance, double beta,
             std::vector<double>& weights) {
  double sum = 0.0;
  double weighted = 0.0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    const double excess = distance[j] - distance[0];
    weights[j] = std::exp(-beta * excess);
    sum += weights[j];
    weighted += weights[j] * excess;
  }
  for (double& weight : weights) weight /= sum;
  return std::log(sum) + beta * weighted / sum;
}

// Bisects for the beta at which the entropy is log(perplexity): doubles or
// halves it until the target is bracketed, then takes the middle of the
// bracket.
void calibrate(const double* distance, const LisiOptions& options,
               std::vector<double>& weights) {
  const double target = std::log(options.perplexity);
  double beta = 1.0;
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  double excess = weigh(distance, beta, weights) - target;
  for (int tries = 0;
       std::fabs(excess) > options.tolerance && tries < options.max_tries;
       ++tries) {
    (excess > 0 ? low : high) = beta;
    if (std::isinf(high)) {
      beta *= 2;
    } else {
      beta = low > 0 ? 0.5 * (low + high) : 0.5 * beta;
    }
    excess = weigh(distance, beta, weights) - target;
  }
}

double inverse_simpson(const Neighbors& neighbors, std::size_t cell,
                       const std::vector<int>& labels,
                       const std::vector<double>& weights,
                       std::vector<double>& shares) {
  std::fill(shares.begin(), shares.end(), 0.0);
  for (std::size_t j = 0; j < neighbors.k; ++j) {
    const int neighbor = neighbors.index[cell * neighbors.k + j];
    const int label = labels[neighbor];
    shares[label] += weights[j];
  }
  double simpson = 0.0;
  for (double share : shares) simpson += share * share;
  return 1.0 / simpson;
}

}  // namespace

std::vector<double> lisi(const Neighbors& neighbors,
                         const std::vector<int>& labels, int n_classes,
                         const LisiOptions& options) {
  check_neighbors(neighbors, labels, n_classes);
  require(neighbors.distance.size() == neighbors.index.size(),
          "LISI needs the distance of every neighbour.");
  require(options.perplexity >= 1.0 &&
              options.perplexity <= static_cast<double>(neighbors.k),
          "`perplexity` must lie between 1 and the number of neighbours (",
          neighbors.k, "), not ", options.perplexity, ".");
  std::vector<double> result(neighbors.n_cells);
  std::vector<double> weights(neighbors.k);
  std::vector<double> shares(n_classes);
  for (std::size_t i = 0; i < neighbors.n_cells; ++i) {
    calibrate(neighbors.distance.data() + i * neighbors.k, options, weights);
    result[i] = inverse_simpson(neighbors, i, labels, weights, shares);
  }
  return result;
}

}  // namespace sailer
