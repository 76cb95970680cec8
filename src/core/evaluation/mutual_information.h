// Mutual information between one dimension of an embedding and a confounder,
// by nearest neighbours (thesis 2.2.5). In nats; never negative.
//
// Both estimators follow scikit-learn's mutual_info_regression and
// mutual_info_classif: every continuous sample is divided by its standard
// deviation and given a noise of about 1e-10 that breaks ties, and a negative
// estimate, possible by chance near zero, becomes 0.
#pragma once

#include <cstdint>
#include <vector>

namespace sailer {

struct MutualInformationOptions {
  // Neighbours of each cell that set its scale. More neighbours lower the
  // variance of the estimate and raise its bias. 1 <= k < number of cells.
  int k = 3;
  // Seed of the noise. The noise comes from a generator of its own, the same
  // on every platform.
  std::uint64_t seed = 1;
  // Which noise sequence `x` gets: pass the number of the dimension, so that
  // two dimensions are not given the same noise.
  std::uint64_t stream = 0;
};

// Kraskov, Stögbauer and Grassberger (2004), first algorithm: both numeric.
// x and y: same length, finite. O(n log n). Throws Error(kArgument) when the
// lengths differ or k is out of its range.
double mutual_information(const std::vector<double>& x,
                          const std::vector<double>& y,
                          const MutualInformationOptions& options);

// Ross (2014): x numeric, labels classes 0 ... n_classes - 1. Classes with one
// cell are left out; a class with fewer than k other cells uses them all.
// O(n log n). Throws Error(kArgument) as above, and Error(kData) when no class
// has two cells.
double mutual_information(const std::vector<double>& x,
                          const std::vector<int>& labels,
                          const MutualInformationOptions& options);

// The sample as the estimators see it: over its population standard deviation
// (unless that is 0), plus noise of 1e-10 times max(1, mean |x|).
std::vector<double> scale_and_jitter(std::vector<double> sample,
                                     std::uint64_t seed, std::uint64_t stream);

// For each point (x[i], y[i]) the distance max(|dx|, |dy|) to its k-th nearest
// other point, 1 <= k < n. About O(n (log n + k)), also when many coincide.
std::vector<double> kth_neighbor_distances(const std::vector<double>& x,
                                           const std::vector<double>& y, int k);

}  // namespace sailer
