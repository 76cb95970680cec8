// Mixing of classes in the neighbourhoods of cells: of batches (thesis 2.5.3,
// with the test statistic of kBET on the same neighbourhoods), and LISI.
#pragma once

#include <cstddef>
#include <vector>

namespace sailer {

// Row-major: the k neighbours of cell i are at [i * k, (i + 1) * k), nearest
// first, without the cell itself. Indices count from 0.
struct Neighbors {
  std::vector<int> index;
  std::vector<double> distance;  // may be empty if only counts are needed
  std::size_t n_cells = 0;
  std::size_t k = 0;
};

struct Mixing {
  // cells x batches, column-major: the share of a cell's neighbours from each
  // batch, each count divided by the size of the batch and the row scaled to
  // sum to 1. Well mixed cells have 1 / n_batches everywhere.
  std::vector<double> proportions;
  // Per cell, half the sum of |proportion - 1 / n_batches|: 0 if the batches
  // are balanced, 1 - 1 / n_batches if all neighbours are of one batch.
  std::vector<double> deviation;
  // Per cell, Pearson's chi-square of the neighbours' batches against the
  // batch sizes; n_batches - 1 degrees of freedom (Büttner et al. 2019).
  std::vector<double> chi_square;
};

// batch: 0 ... n_batches - 1 per cell, every batch with at least one cell;
// throws Error(kArgument) otherwise. Distances are not used.
Mixing batch_mixing(const Neighbors& neighbors, const std::vector<int>& batch,
                    int n_batches);

// The local inverse Simpson's index of Korsunsky et al. (2019): the effective
// number of classes in the neighbourhood of a cell. It is called iLISI for
// batches (large is well mixed) and cLISI for cell types (1 is pure).
struct LisiOptions {
  // Effective number of neighbours. Each cell's weights exp(-beta * distance)
  // use the beta at which their entropy is log(perplexity). There should be
  // about three times as many neighbours.
  double perplexity = 30.0;
  // The entropy is matched to this tolerance, in at most max_tries bisections.
  double tolerance = 1e-5;
  int max_tries = 50;
};

// Returns one value per cell, in [1, n_classes]. If more neighbours than
// `perplexity` coincide with the cell, all of them have the same weight. Throws
// Error(kArgument) if labels, neighbours and distances do not fit together or
// perplexity lies outside [1, k].
std::vector<double> lisi(const Neighbors& neighbors,
                         const std::vector<int>& labels, int n_classes,
                         const LisiOptions& options);

}  // namespace sailer
