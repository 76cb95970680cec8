// Latent semantic indexing (LSI) of open peaks, with what it needs to be the
// start of a probabilistic model: how much of each component is more than
// noise, and how many components are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"

namespace sailer {

struct LsiOptions {
  int64_t n_components = 40;  // fewer where there are fewer cells or columns
  uint64_t seed = 1;          // of the decomposition's random start
  // For an encoder that stays where it starts: see Lsi.
  bool strict = false;
};

// The truncated SVD of TF-IDF of the training cells without its first
// component, which is depth. Scores are of rows of unit length (RowScale).
//
// What known confounders explain is removed within the span of the
// components. Along each canonical direction of scores and confounders these
// explain the share r^2 of the variance, beyond chance: of the signal s (below)
// that leaves (s - r^2) / (1 - r^2), and the scores are shrunk to it. A
// direction with no other signal is gone, one of which confounders say nothing
// stays. Of one that holds both, training takes out the rest. Strictly, a
// direction of whose signal confounders explain half or more is gone, and less
// goes in proportion: see strictly_kept().
struct Lsi {
  int64_t n_columns = 0, n_components = 0;
  std::vector<double> loadings;        // row-major, columns x components
  std::vector<double> mean, variance;  // of the training cells' scores

  // Of the held-out cells' variance along each component, the share beyond what
  // peaks that are open independently of one another would give: in [0, 1). The
  // training cells' own variance has what the component owes to chance in it.
  std::vector<double> signal;

  // Components whose signal is beyond chance, by three standard errors of the
  // held-out variance.
  int64_t n_signal = 0;
};

// `confounders` has a row for each cell of the source, or is empty. Weights are
// those of the columns, inverse document frequencies. Nothing when a pass was
// stopped. Throws Error(kArgument) where there are no held-out cells.
std::optional<Lsi> fit_lsi(const CellRows& training, const CellRows& held_out,
                           const ConfounderMatrix& confounders,
                           const std::vector<float>& weights,
                           const LsiOptions& options);

// What the linear model knows of z, given a row x of unit length:
//   mean = shift + sum of loadings[p] x_p,   variance exp(log_variance),
// the same for all cells. In sum they are 1: z has the prior's spread.
struct LinearPosterior {
  int64_t n_dimensions = 0;
  std::vector<float> loadings;             // row-major, columns x dimensions
  std::vector<float> shift, log_variance;  // n_dimensions
};

// Of the components with the most signal, in their order. Dimensions beyond
// what there is are at the prior: mean 0, variance 1.
LinearPosterior linear_posterior(const Lsi& lsi, int64_t n_dimensions);

}  // namespace sailer
