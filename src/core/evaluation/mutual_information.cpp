#include "mutual_information.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <string>

#include "../support/error.h"

namespace sailer {
namespace {

constexpr double kEulerGamma = 0.57721566490153286061;
constexpr double kPi = 3.14159265358979323846;
constexpr double kRelativeNoise = 1e-10;

// The stream of the second variable's noise, which no dimension uses.
constexpr std::uint64_t kConfounderStream = ~std::uint64_t{0};

// digamma at 1 ... n: the estimators need it only at whole numbers, where it is
// a harmonic number minus Euler's constant.
std::vector<double> digamma_to(std::size_t n) {
  std::vector<double> values(n + 1);
  double harmonic = 0.0;
  for (std::size_t m = 1; m <= n; ++m) {
    values[m] = harmonic - kEulerGamma;
    harmonic += 1.0 / static_cast<double>(m);
  }
  return values;
}

std::vector<double> sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

// Counts the values of a sorted sample within a distance of a centre,
// inclusive. Distances are computed as the neighbour search computes them, so
// that a point on the boundary falls on the same side in both.
std::size_t count_within(const std::vector<double>& sample, double centre,
                         double radius) {
  const auto first = std::partition_point(
      sample.begin(), sample.end(),
      [=](double v) { return v < centre && centre - v > radius; });
  const auto last = std::partition_point(first, sample.end(), [=](double v) {
    return v <= centre || v - centre <= radius;
  });
  return static_cast<std::size_t>(last - first);
}

// Just below the distance of the k-th neighbour, to exclude that neighbour.
double open_radius(double distance) { return std::nextafter(distance, 0.0); }

void check_arguments(std::size_t n, std::size_t n_other, int k) {
  require(
      n == n_other,
      "Mutual information needs one value of the confounder per cell: found ",
      n_other, " for ", n, " cells.");
  require(k >= 1 && static_cast<std::size_t>(k) < n,
          "`k` must lie between 1 and the number of cells less one (", n,
          " cells here), not ", k, ".");
}

// The distance from one value of an ascending sample to its k-th neighbour:
// among the up to k + 1 runs of k + 1 values that include it, the one that
// reaches least far.
double kth_distance(const std::vector<double>& sorted, std::size_t i,
                    std::size_t k) {
  double best = std::numeric_limits<double>::infinity();
  const std::size_t first = i > k ? i - k : 0;
  for (std::size_t low = first; low <= i && low + k < sorted.size(); ++low) {
    const double reach =
        std::max(sorted[i] - sorted[low], sorted[low + k] - sorted[i]);
    best = std::min(best, reach);
  }
  return best;
}

// The values of x in each class, ascending.
std::vector<std::vector<double>> split_by_class(
    const std::vector<double>& x, const std::vector<int>& labels) {
  const int n_classes = *std::max_element(labels.begin(), labels.end()) + 1;
  std::vector<std::vector<double>> classes(n_classes);
  for (std::size_t i = 0; i < x.size(); ++i) {
    classes[labels[i]].push_back(x[i]);
  }
  // Classes of one cell have no neighbour in their class.
  classes.erase(std::remove_if(classes.begin(), classes.end(),
                               [](const auto& c) { return c.size() < 2; }),
                classes.end());
  for (auto& members : classes) std::sort(members.begin(), members.end());
  return classes;
}

double ross_estimate(const std::vector<std::vector<double>>& classes, int k) {
  std::vector<double> pooled;
  for (const auto& members : classes) {
    pooled.insert(pooled.end(), members.begin(), members.end());
  }
  const std::size_t n = pooled.size();
  const std::vector<double> digamma = digamma_to(n);
  pooled = sorted(std::move(pooled));
  double sum = 0.0;
  for (const auto& members : classes) {
    const std::size_t k_class =
        std::min(static_cast<std::size_t>(k), members.size() - 1);
    for (std::size_t i = 0; i < members.size(); ++i) {
      const double radius = open_radius(kth_distance(members, i, k_class));
      sum += digamma[k_class] - digamma[members.size()] -
             digamma[count_within(pooled, members[i], radius)];
    }
  }
  return digamma[n] + sum / static_cast<double>(n);
}

// The neighbour search --------------------------------------------------------

constexpr std::ptrdiff_t kLeafSize = 12;

struct Point {
  double at[2];
  std::uint32_t id;
  int axis;  // of the middle point of a range: the axis that splits it
};
using Points = std::vector<Point>;
using Range = std::pair<Points::iterator, Points::iterator>;

Points::iterator middle_of(const Range& range) {
  return range.first + (range.second - range.first) / 2;
}

// Turns a range into a k-d tree: the middle point splits the others along the
// axis with the wider extent, and so on within each half. Halving by count, not
// by value, keeps the tree balanced under ties.
void build(const Range& range) {
  if (range.second - range.first <= kLeafSize) return;
  double extent[2];
  for (int axis : {0, 1}) {
    const auto [low, high] = std::minmax_element(
        range.first, range.second, [axis](const Point& a, const Point& b) {
          return a.at[axis] < b.at[axis];
        });
    extent[axis] = high->at[axis] - low->at[axis];
  }
  const int axis = extent[0] >= extent[1] ? 0 : 1;
  const auto middle = middle_of(range);
  std::nth_element(range.first, middle, range.second,
                   [axis](const Point& a, const Point& b) {
                     return a.at[axis] < b.at[axis];
                   });
  middle->axis = axis;
  build({range.first, middle});
  build({middle + 1, range.second});
}

// Keeps the smallest distances seen in `nearest` (ascending, fixed length).
void visit(const Point& other, const Point& self,
           std::vector<double>& nearest) {
  if (&other == &self) return;
  const double distance = std::max(std::fabs(other.at[0] - self.at[0]),
                                   std::fabs(other.at[1] - self.at[1]));
  if (distance >= nearest.back()) return;
  nearest.pop_back();
  nearest.insert(std::upper_bound(nearest.begin(), nearest.end(), distance),
                 distance);
}

void search(const Range& range, const Point& self,
            std::vector<double>& nearest) {
  if (range.second - range.first <= kLeafSize) {
    for (auto at = range.first; at != range.second; ++at) {
      visit(*at, self, nearest);
    }
    return;
  }
  const auto middle = middle_of(range);
  visit(*middle, self, nearest);
  const Range low{range.first, middle}, high{middle + 1, range.second};
  const double side = self.at[middle->axis] - middle->at[middle->axis];
  search(side < 0 ? low : high, self, nearest);
  if (std::fabs(side) < nearest.back()) {
    search(side < 0 ? high : low, self, nearest);
  }
}

}  // namespace

std::vector<double> kth_neighbor_distances(const std::vector<double>& x,
                                           const std::vector<double>& y,
                                           int k) {
  Points points(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    points[i] = {{x[i], y[i]}, static_cast<std::uint32_t>(i), 0};
  }
  const Range all{points.begin(), points.end()};
  build(all);
  std::vector<double> result(x.size());
  // In the order of the tree, so that successive searches share cached data.
  for (const Point& point : points) {
    std::vector<double> nearest(k, std::numeric_limits<double>::infinity());
    search(all, point, nearest);
    result[point.id] = nearest.back();
  }
  return result;
}

std::vector<double> scale_and_jitter(std::vector<double> sample,
                                     std::uint64_t seed, std::uint64_t stream) {
  if (sample.empty()) return sample;
  const auto n = static_cast<double>(sample.size());
  const double mean = std::accumulate(sample.begin(), sample.end(), 0.0) / n;
  double variance = 0.0;
  for (double v : sample) variance += (v - mean) * (v - mean) / n;
  const double sd = std::sqrt(variance);
  // The spread of a constant sample is only rounding error.
  const double rounding = 10 * std::numeric_limits<double>::epsilon();
  if (sd > rounding * std::max(1.0, std::fabs(mean))) {
    for (double& v : sample) v /= sd;
  }

  double magnitude = 0.0;
  for (double v : sample) magnitude += std::fabs(v) / n;
  const double noise = kRelativeNoise * std::max(1.0, magnitude);
  std::seed_seq words{static_cast<std::uint32_t>(seed),
                      static_cast<std::uint32_t>(seed >> 32),
                      static_cast<std::uint32_t>(stream),
                      static_cast<std::uint32_t>(stream >> 32)};
  std::mt19937_64 generator(words);
  // Box-Muller, since std::normal_distribution differs between libraries.
  for (double& v : sample) {
    const double u1 = (static_cast<double>(generator() >> 11) + 1.0) * 0x1p-53;
    const double u2 = static_cast<double>(generator() >> 11) * 0x1p-53;
    v += noise * std::sqrt(-2.0 * std::log(u1)) * std::cos(2.0 * kPi * u2);
  }
  return sample;
}

double mutual_information(const std::vector<double>& x,
                          const std::vector<double>& y,
                          const MutualInformationOptions& options) {
  check_arguments(x.size(), y.size(), options.k);
  const auto xs = scale_and_jitter(x, options.seed, options.stream);
  const auto ys = scale_and_jitter(y, options.seed, kConfounderStream);
  const auto distances = kth_neighbor_distances(xs, ys, options.k);
  const std::size_t n = xs.size();
  const std::vector<double> digamma = digamma_to(n);
  const std::vector<double> sorted_x = sorted(xs), sorted_y = sorted(ys);
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    // The counts include the cell itself: the n_x + 1 of the formula.
    const double radius = open_radius(distances[i]);
    sum += digamma[count_within(sorted_x, xs[i], radius)] +
           digamma[count_within(sorted_y, ys[i], radius)];
  }
  const double estimate =
      digamma[n] + digamma[options.k] - sum / static_cast<double>(n);
  return std::max(0.0, estimate);
}

double mutual_information(const std::vector<double>& x,
                          const std::vector<int>& labels,
                          const MutualInformationOptions& options) {
  check_arguments(x.size(), labels.size(), options.k);
  const auto classes =
      split_by_class(scale_and_jitter(x, options.seed, options.stream), labels);
  if (classes.empty()) {
    throw_error(ErrorKind::kData,
                "Every class of the confounder has a single cell: mutual "
                "information with classes needs classes of at least two cells. "
                "If the confounder is a number, pass it as one.");
  }
  return std::max(0.0, ross_estimate(classes, options.k));
}

}  // namespace sailer
