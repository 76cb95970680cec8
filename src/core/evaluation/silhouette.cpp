#include "silhouette.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "../support/error.h"

namespace sailer {
namespace {

// Cells taken at once: a constant trip count lets compilers vectorise at -O2.
constexpr std::size_t kTile = 32;

std::size_t whole_tiles(std::size_t n) {
  return (n + kTile - 1) / kTile * kTile;
}

}  // namespace

constexpr std::size_t Silhouette::kBlock;

Silhouette::Silhouette(const EmbeddingView& embedding,
                       const std::vector<int>& labels)
    : n_dimensions_(embedding.n_dimensions),
      class_of_(labels.size()),
      column_of_(labels.size()),
      widths_(labels.size()) {
  if (labels.size() != embedding.n_cells || labels.empty()) {
    throw Error(ErrorKind::kArgument,
                "The silhouette needs one label per cell: found " +
                    std::to_string(labels.size()) + " for " +
                    std::to_string(embedding.n_cells) + " cells.");
  }
  reorder(embedding, labels);
  if (classes_.size() < 2 || classes_.size() >= labels.size()) {
    throw Error(ErrorKind::kArgument,
                "`labels` must have between 2 and (number of cells - 1) "
                "classes for a silhouette: found " +
                    std::to_string(classes_.size()) + " in " +
                    std::to_string(labels.size()) + " cells.");
  }
}

void Silhouette::reorder(const EmbeddingView& embedding,
                         const std::vector<int>& labels) {
  const int last = *std::max_element(labels.begin(), labels.end());
  std::vector<std::size_t> sizes(static_cast<std::size_t>(last) + 1);
  for (int label : labels) ++sizes[static_cast<std::size_t>(label)];
  std::vector<std::size_t> rank(sizes.size());
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    if (sizes[c] == 0) continue;
    rank[c] = classes_.size();
    classes_.push_back({stride_, stride_, sizes[c]});
    stride_ += whole_tiles(sizes[c]);
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    class_of_[i] = rank[static_cast<std::size_t>(labels[i])];
    column_of_[i] = classes_[class_of_[i]].end++;
  }
  reordered_.assign(stride_ * n_dimensions_, 0.0);
  for (std::size_t d = 0; d < n_dimensions_; ++d) {
    double* row = reordered_.data() + d * stride_;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      row[column_of_[i]] = embedding.dimension(d)[i];
    }
  }
  for (Class& members : classes_) {
    members.end = members.begin + whole_tiles(members.size);
  }
}

double Silhouette::sum_of_distances(const double* cell,
                                    const Class& members) const {
  double sum = 0.0;
  double squared[kTile];
  for (std::size_t tile = members.begin; tile < members.end; tile += kTile) {
    std::fill(squared, squared + kTile, 0.0);
    for (std::size_t d = 0; d < n_dimensions_; ++d) {
      const double* row = reordered_.data() + d * stride_ + tile;
      const double centre = cell[d];
      for (std::size_t j = 0; j < kTile; ++j) {
        const double difference = row[j] - centre;
        squared[j] += difference * difference;
      }
    }
    const std::size_t n = std::min(kTile, members.begin + members.size - tile);
    for (std::size_t j = 0; j < n; ++j) sum += std::sqrt(squared[j]);
  }
  return sum;
}

double Silhouette::width(std::size_t cell) const {
  const std::size_t own = class_of_[cell];
  if (classes_[own].size == 1) return 0.0;
  std::vector<double> values(n_dimensions_);
  for (std::size_t d = 0; d < n_dimensions_; ++d) {
    values[d] = reordered_[d * stride_ + column_of_[cell]];
  }
  double within = 0.0;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const double sum = sum_of_distances(values.data(), classes_[c]);
    const auto size = static_cast<double>(classes_[c].size);
    if (c == own) {
      within = sum / (size - 1);
    } else {
      nearest = std::min(nearest, sum / size);
    }
  }
  const double larger = std::max(within, nearest);
  return larger > 0.0 ? (nearest - within) / larger : 0.0;
}

void Silhouette::compute(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) widths_[i] = width(i);
}

}  // namespace sailer
