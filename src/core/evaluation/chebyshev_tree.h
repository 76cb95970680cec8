// The neighbour search of the KSG estimator: points of the plane under the
// Chebyshev distance max(|dx|, |dy|).
#pragma once

#include <vector>

namespace sailer {

// For each point (x[i], y[i]) the distance to its k-th nearest other point. Both
// vectors have the same length n, no NaN; 1 <= k < n. About O(n (log n + k)),
// also when many points coincide.
std::vector<double> kth_neighbor_distances(const std::vector<double>& x,
                                           const std::vector<double>& y, int k);

}  // namespace sailer
