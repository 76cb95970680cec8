#include "chebyshev_tree.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sailer {
namespace {

constexpr std::uint32_t kLeafSize = 12;

// Keeps `nearest` (ascending, fixed length) the smallest values seen.
void insert_distance(double distance, std::vector<double>& nearest) {
  if (distance >= nearest.back()) return;
  std::size_t slot = nearest.size() - 1;
  for (; slot > 0 && nearest[slot - 1] > distance; --slot) {
    nearest[slot] = nearest[slot - 1];
  }
  nearest[slot] = distance;
}

}  // namespace

ChebyshevTree::ChebyshevTree(const std::vector<double>& x,
                             const std::vector<double>& y) {
  points_.reserve(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    points_.push_back({x[i], y[i], static_cast<std::uint32_t>(i)});
  }
  nodes_.reserve(4 * points_.size() / kLeafSize + 1);
  if (!points_.empty()) build(0, static_cast<std::uint32_t>(points_.size()));
}

ChebyshevTree::Node ChebyshevTree::bound(std::uint32_t begin,
                                         std::uint32_t end) const {
  const Point& first = points_[begin];
  Node node{first.x, first.x, first.y, first.y, begin, end, 0};
  for (std::uint32_t i = begin + 1; i < end; ++i) {
    node.low_x = std::min(node.low_x, points_[i].x);
    node.high_x = std::max(node.high_x, points_[i].x);
    node.low_y = std::min(node.low_y, points_[i].y);
    node.high_y = std::max(node.high_y, points_[i].y);
  }
  return node;
}

std::uint32_t ChebyshevTree::build(std::uint32_t begin, std::uint32_t end) {
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back(bound(begin, end));
  if (end - begin <= kLeafSize) return index;

  // Halving by count, not by value, keeps the tree balanced under ties.
  const Node node = nodes_[index];
  const bool along_x = node.high_x - node.low_x >= node.high_y - node.low_y;
  const std::uint32_t middle = begin + (end - begin) / 2;
  std::nth_element(points_.begin() + begin, points_.begin() + middle,
                   points_.begin() + end,
                   [along_x](const Point& a, const Point& b) {
                     return along_x ? a.x < b.x : a.y < b.y;
                   });
  build(begin, middle);
  const std::uint32_t right = build(middle, end);
  nodes_[index].right = right;
  return index;
}

double ChebyshevTree::distance_to_box(const Node& node, const Point& point) {
  const double dx = std::max(node.low_x - point.x, point.x - node.high_x);
  const double dy = std::max(node.low_y - point.y, point.y - node.high_y);
  return std::max(0.0, std::max(dx, dy));
}

void ChebyshevTree::search(std::uint32_t index, std::uint32_t self,
                           std::vector<double>& nearest) const {
  const Node& node = nodes_[index];
  const Point& point = points_[self];
  if (node.right == 0) {
    for (std::uint32_t i = node.begin; i < node.end; ++i) {
      if (i == self) continue;
      const double dx = std::fabs(points_[i].x - point.x);
      const double dy = std::fabs(points_[i].y - point.y);
      insert_distance(std::max(dx, dy), nearest);
    }
    return;
  }
  std::uint32_t near = index + 1;
  std::uint32_t far = node.right;
  double near_distance = distance_to_box(nodes_[near], point);
  double far_distance = distance_to_box(nodes_[far], point);
  if (far_distance < near_distance) {
    std::swap(near, far);
    std::swap(near_distance, far_distance);
  }
  if (near_distance < nearest.back()) search(near, self, nearest);
  if (far_distance < nearest.back()) search(far, self, nearest);
}

std::vector<double> ChebyshevTree::kth_neighbor_distances(int k) const {
  std::vector<double> result(points_.size());
  std::vector<double> nearest(k);
  // Points lie in leaf order, so that successive searches share cached nodes.
  for (std::uint32_t i = 0; i < points_.size(); ++i) {
    std::fill(nearest.begin(), nearest.end(),
              std::numeric_limits<double>::infinity());
    search(0, i, nearest);
    result[points_[i].id] = nearest.back();
  }
  return result;
}

}  // namespace sailer
