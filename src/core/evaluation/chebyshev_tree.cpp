#include "chebyshev_tree.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace sailer {
namespace {

constexpr std::ptrdiff_t kLeafSize = 12;

struct Point {
  double at[2];
  std::uint32_t id;
  int axis;  // of a point in the middle of a range: across what it is split
};
using Points = std::vector<Point>;
using Range = std::pair<Points::iterator, Points::iterator>;

Points::iterator middle_of(const Range& range) {
  return range.first + (range.second - range.first) / 2;
}

// Makes of a range a k-d tree: the points on either side of the middle one lie
// on either side of it across the wider extent, and so on within each half.
// Halving by count, not by value, keeps the tree balanced under ties.
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

// Keeps `nearest` (rising, fixed length) the smallest distances seen.
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
  // In the tree's order, so that successive searches share what is cached.
  for (const Point& point : points) {
    std::vector<double> nearest(k, std::numeric_limits<double>::infinity());
    search(all, point, nearest);
    result[point.id] = nearest.back();
  }
  return result;
}

}  // namespace sailer
