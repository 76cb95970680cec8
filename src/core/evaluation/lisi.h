// The local inverse Simpson's index of Korsunsky et al. (2019): the effective
// number of classes in the neighbourhood of a cell. Of batches it is called
// iLISI (large is well mixed), of cell types cLISI (1 is pure).
#pragma once

#include <vector>

#include "neighbors.h"

namespace sailer {

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
