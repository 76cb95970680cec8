#include "lisi.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sailer {
namespace {

// Sets normalised weights for one beta and returns their entropy. Distances
// are taken from the nearest one, which changes neither and rules out that
// every weight underflows.
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

// Bisection for the beta at which the entropy is log(perplexity): doubling or
// halving until the target is bracketed, then the middle of the bracket.
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
    const int label = labels[static_cast<std::size_t>(neighbor)];
    shares[static_cast<std::size_t>(label)] += weights[j];
  }
  double simpson = 0.0;
  for (double share : shares) simpson += share * share;
  return 1.0 / simpson;
}

void check(const Neighbors& neighbors, const LisiOptions& options) {
  if (neighbors.distance.size() != neighbors.index.size()) {
    throw Error(ErrorKind::kArgument,
                "LISI needs the distance of every neighbour.");
  }
  const auto k = static_cast<double>(neighbors.k);
  if (!(options.perplexity >= 1.0 && options.perplexity <= k)) {
    throw Error(ErrorKind::kArgument,
                "`perplexity` must lie between 1 and the number of "
                "neighbours (" +
                    std::to_string(neighbors.k) + "), not " +
                    std::to_string(options.perplexity) + ".");
  }
}

}  // namespace

std::vector<double> lisi(const Neighbors& neighbors,
                         const std::vector<int>& labels, int n_classes,
                         const LisiOptions& options) {
  check_neighbors(neighbors, labels, n_classes);
  check(neighbors, options);
  std::vector<double> result(neighbors.n_cells);
  std::vector<double> weights(neighbors.k);
  std::vector<double> shares(static_cast<std::size_t>(n_classes));
  for (std::size_t i = 0; i < neighbors.n_cells; ++i) {
    calibrate(neighbors.distance.data() + i * neighbors.k, options, weights);
    result[i] = inverse_simpson(neighbors, i, labels, weights, shares);
  }
  return result;
}

}  // namespace sailer
