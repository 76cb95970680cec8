// A k-d tree over points of the plane under the Chebyshev distance
// max(|dx|, |dy|): the neighbour search of the KSG estimator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sailer {

class ChebyshevTree {
 public:
  // The points (x[i], y[i]); both vectors have the same length, no NaN.
  // Building takes O(n log n), also when many points coincide.
  ChebyshevTree(const std::vector<double>& x, const std::vector<double>& y);

  // For every point, in the order given to the constructor, the distance to
  // its k-th nearest other point; requires 1 <= k < n. About O(n (log n + k)).
  std::vector<double> kth_neighbor_distances(int k) const;

 private:
  struct Point {
    double x, y;
    std::uint32_t id;
  };
  struct Node {
    double low_x, high_x, low_y, high_y;
    std::uint32_t begin, end;
    std::uint32_t right;  // the left child follows its parent; 0 marks a leaf
  };

  std::uint32_t build(std::uint32_t begin, std::uint32_t end);
  Node bound(std::uint32_t begin, std::uint32_t end) const;
  void search(std::uint32_t node, std::uint32_t self,
              std::vector<double>& nearest) const;
  static double distance_to_box(const Node& node, const Point& point);

  std::vector<Point> points_;
  std::vector<Node> nodes_;
};

}  // namespace sailer
