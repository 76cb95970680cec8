// Mutual information between one dimension of an embedding and a confounder,
// by nearest neighbours (thesis 2.2.5). In nats; never negative.
//
// Both estimators follow scikit-learn's mutual_info_regression and
// mutual_info_classif: every continuous sample is divided by its standard
// deviation and gets noise of about 1e-10 to break ties, and a negative
// estimate, which can occur by chance near zero, becomes 0.
#pragma once

#include <cstdint>
#include <vector>

namespace sailer {

struct MutualInformationOptions {
  // Number of nearest neighbours that set the scale at each cell, at least 1
  // and less than the number of cells. More neighbours lower the variance of
  // the estimate and raise its bias.
  int k = 3;
  // Seed of the noise. The noise comes from its own generator, which is the
  // same on every platform.
  std::uint64_t seed = 1;
  // Which noise sequence `x` gets: pass the number of the dimension, so that no
  // two dimensions get the same noise.
  std::uint64_t stream = 0;
};

// Kraskov, Stögbauer and Grassberger (2004), first algorithm: both numeric.
// `x` and `y` have the same length and are finite. O(n log n). Throws
// Error(kArgument) if the lengths differ or k is out of range.
double mutual_information(const std::vector<double>& x,
                          const std::vector<double>& y,
                          const MutualInformationOptions& options);

// Ross (2014): x is numeric, labels are classes 0 ... n_classes - 1. Classes
// with one cell are left out; a class with fewer than k other cells uses them
// all. O(n log n). Throws Error(kArgument) as above, and Error(kData) if no
// class has two cells.
double mutual_information(const std::vector<double>& x,
                          const std::vector<int>& labels,
                          const MutualInformationOptions& options);

// The sample as the estimators see it: divided by its population standard
// deviation (unless that is 0), plus noise of 1e-10 times max(1, mean |x|).
std::vector<double> scale_and_jitter(std::vector<double> sample,
                                     std::uint64_t seed, std::uint64_t stream);

// For each point (x[i], y[i]), the distance max(|dx|, |dy|) to its k-th nearest
// other point, 1 <= k < n. About O(n (log n + k)), even if many coincide.
std::vector<double> kth_neighbor_distances(const std::vector<double>& x,
                                           const std::vector<double>& y, int k);

}  // namespace sailer
