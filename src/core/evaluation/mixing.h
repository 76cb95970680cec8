// Mixing of classes in the neighbourhoods of cells: of batches (thesis 2.5.3,
// with the test statistic of kBET on the same neighbourhoods), and LISI.
#pragma once

#include <cstddef>
#include <vector>

namespace sailer {

// Row-major: the k neighbours of cell i stand at [i * k, (i + 1) * k), nearest
// first, the cell itself not among them. Indices count from 0.
struct Neighbors {
  std::vector<int> index;
  std::vector<double> distance;  // may stay empty where only counts are asked
  std::size_t n_cells = 0;
  std::size_t k = 0;
};

struct Mixing {
  // cells x batches, column-major: the share of a cell's neighbours from each
  // batch, each count divided by the size of the batch and the row scaled to
  // sum to 1. Well mixed cells have 1 / n_batches everywhere.
  std::vector<double> proportions;
  // Per cell, half the sum of |proportion - 1 / n_batches|: 0 where the
  // batches are balanced, 1 - 1 / n_batches where one batch stands alone.
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
// number of classes in the neighbourhood of a cell. Of batches it is called
// iLISI (large is well mixed), of cell types cLISI (1 is pure).
struct LisiOptions {
  // Effective number of neighbours. Each cell's weights exp(-beta * distance)
  // get the beta at which their entropy is log(perplexity). The neighbours
  // given should be about three times as many.
  double perplexity = 30.0;
  // Entropy is met to this tolerance, in at most max_tries bisections.
  double tolerance = 1e-5;
  int max_tries = 50;
};

// One value per cell, in [1, n_classes]. Where more neighbours than
// `perplexity` coincide with the cell, all of them weigh the same. Throws
// Error(kArgument) when labels, neighbours and distances do not fit together
// or perplexity lies outside [1, k].
std::vector<double> lisi(const Neighbors& neighbors,
                         const std::vector<int>& labels, int n_classes,
                         const LisiOptions& options);

}  // namespace sailer
