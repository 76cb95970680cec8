// Scores of cells by LSI loadings, and what confounders explain of them: shared
// by the starts of SAILER and SAILERX. Only for the sources of this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"
#include "eigen.h"

namespace sailer {

// Returns rows x components.
RowMatrix scores_of(const SparseRows& rows, const RowMatrix& loadings);

// Numbers of each cell of a source: `write` stores those of one cell in `row`.
struct CellNumbers {
  int64_t width = 0;
  std::function<void(int64_t cell, float* row)> write;
};
CellNumbers numbers_of(const ConfounderMatrix& confounders);

// Visits rows of unit length together with their values: the scores by
// `loadings`, followed by the numbers in `beside` of the same cells. Returns
// false if the pass was stopped.
using ScoreVisitor = std::function<void(const SparseRows&, const RowMatrix&)>;
bool for_each_scores(const CellRows& cells, const std::vector<float>& weights,
                     const RowMatrix& loadings,
                     const std::vector<CellNumbers>& beside,
                     const ScoreVisitor& visit);

// Mean and covariance of rows of values.
class Moments {
 public:
  explicit Moments(int64_t width)
      : sum_(Eigen::VectorXd::Zero(width)),
        product_(Eigen::MatrixXd::Zero(width, width)) {}

  void add(const RowMatrix& rows) {
    sum_ += rows.colwise().sum().transpose();
    product_.noalias() += rows.transpose() * rows;
    n_ += static_cast<double>(rows.rows());
  }

  // Sums over the rows of all processes.
  void add_up(const SumOfAll& sum_of_all) {
    sum_of_all(sum_.data(), sum_.size());
    sum_of_all(product_.data(), product_.size());
    sum_of_all(&n_, 1);
  }

  double n() const { return n_; }
  Eigen::VectorXd mean() const { return sum_ / std::max(1.0, n_); }
  Eigen::MatrixXd covariance() const {
    return product_ / std::max(1.0, n_) - mean() * mean().transpose();
  }

 private:
  Eigen::VectorXd sum_;
  Eigen::MatrixXd product_;
  double n_ = 0;
};

// The canonical directions of k values and the confounders. The columns of
// `directions` have variance 1; `explained` is the share of each that the
// confounders explain, beyond chance. `covariance` is that of the k values,
// followed by the confounders, over n cells.
struct Canonical {
  Eigen::MatrixXd directions;
  Eigen::VectorXd explained;
};
Canonical canonical_directions(const Eigen::MatrixXd& covariance, int64_t k,
                               double n);

// The factor for a direction of which confounders explain this share: 0 from
// one half on. Shrinking the part that is due to confounders only as much as
// the cells' own part would leave the two as hard to tell apart as before.
double strictly_kept(double explained);

}  // namespace sailer
