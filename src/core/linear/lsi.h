// Latent semantic indexing (LSI) of open peaks, with what is needed to start a
// probabilistic model from it: how much of each component is more than noise,
// and how many components are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"

namespace sailer {

struct LsiOptions {
  int64_t n_components = 40;  // fewer if there are fewer cells or columns
  uint64_t seed = 1;          // of the decomposition's random start
  // For an encoder that hardly moves from its start: see Lsi.
  bool strict = false;
};

// The truncated SVD of the TF-IDF matrix of the training cells, without the
// first component, which is depth. Scores are those of rows of unit length
// (RowScale).
//
// What known confounders explain is removed within the span of the components.
// Along each canonical direction of scores and confounders, the confounders
// explain the share r^2 of the variance, beyond chance. Of the signal s
// (below), that leaves (s - r^2) / (1 - r^2), and the scores are shrunk
// accordingly: a direction without any other signal is removed, and one of
// which the confounders explain nothing is kept. If a direction holds both,
// training removes the rest. With `strict`, a direction is removed if the
// confounders explain half or more of its signal, and shrunk in proportion if
// they explain less: see strictly_kept().
struct Lsi {
  int64_t n_columns = 0, n_components = 0;
  std::vector<double> loadings;        // row-major, columns x components
  std::vector<double> mean, variance;  // of the training cells' scores

  // For each component, the share of the held-out cells' variance that is
  // beyond what independently open peaks would give: in [0, 1). The variance of
  // the training cells is not used, because it includes what the component owes
  // to chance.
  std::vector<double> signal;

  // Number of components whose signal is beyond chance, by three standard
  // errors of the held-out variance.
  int64_t n_signal = 0;
};

// `confounders` has a row for each cell of the source, or is empty. `weights`
// are the inverse document frequencies of the columns. Returns nullopt if a
// pass was stopped. Throws Error(kArgument) if there are no held-out cells.
std::optional<Lsi> fit_lsi(const CellRows& training, const CellRows& held_out,
                           const ConfounderMatrix& confounders,
                           const std::vector<float>& weights,
                           const LsiOptions& options);

// The linear model's posterior of z, given a row x of unit length:
//   mean = shift + sum of loadings[p] x_p,   variance exp(log_variance),
// where the variance is the same for all cells. The variance of the means and
// this variance sum to 1, so that z has the spread of the prior.
struct LinearPosterior {
  int64_t n_dimensions = 0;
  std::vector<float> loadings;             // row-major, columns x dimensions
  std::vector<float> shift, log_variance;  // n_dimensions
};

// Uses the components with the most signal, in their original order. If there
// are fewer components than dimensions, the remaining dimensions stay at the
// prior: mean 0, variance 1.
LinearPosterior linear_posterior(const Lsi& lsi, int64_t n_dimensions);

}  // namespace sailer
