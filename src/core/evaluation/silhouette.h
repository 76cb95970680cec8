// The silhouette width of Rousseeuw (1987), exactly, over all pairs of cells.
#pragma once

#include <cstddef>
#include <vector>

#include "embedding_view.h"

namespace sailer {

// Computes widths by blocks of cells, so that the caller can report progress
// or stop between them:
//
//   Silhouette silhouette(embedding, labels);
//   for (size_t i = 0; i < n; i += Silhouette::kBlock)
//     silhouette.compute(i, std::min(n, i + Silhouette::kBlock));
//   use(silhouette.widths());
//
// Time O(n^2 d) in all; memory O(n d) for one reordered copy.
class Silhouette {
 public:
  static constexpr std::size_t kBlock = 1024;

  // labels: one class 0 ... per cell. Throws Error(kArgument) unless there are
  // between 2 and n - 1 classes that hold cells.
  Silhouette(const EmbeddingView& embedding, const std::vector<int>& labels);

  // Fills widths()[begin, end), positions in the order of the cells given.
  void compute(std::size_t begin, std::size_t end);

  // (b - a) / max(a, b) with a the mean Euclidean distance to the other cells
  // of the own class, b that to the nearest other class; 0 for a cell that is
  // alone in its class, or when both are 0.
  const std::vector<double>& widths() const { return widths_; }

 private:
  struct Class {
    std::size_t begin, end;  // columns of reordered_, whole tiles
    std::size_t size;        // cells, without the padding of the last tile
  };

  void reorder(const EmbeddingView& embedding, const std::vector<int>& labels);
  double sum_of_distances(const double* cell, const Class& members) const;
  double width(std::size_t cell) const;

  std::size_t n_dimensions_;
  std::size_t stride_ = 0;
  std::vector<double> reordered_;  // dimension-major, cells sorted by class
  std::vector<Class> classes_;
  std::vector<std::size_t> class_of_, column_of_;
  std::vector<double> widths_;
};

}  // namespace sailer
