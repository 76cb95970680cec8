// Scores of cells by the loadings of LSI and what confounders explain of such:
// what the starts of SAILER and of SAILERX share. For the sources of this
// folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "../data/confounders.h"
#include "cell_rows.h"
#include "eigen.h"

namespace sailer {

// rows x components.
RowMatrix scores_of(const SparseRows& rows, const RowMatrix& loadings);

// Numbers of each cell of a source: `write` puts those of a cell into a row.
struct CellNumbers {
  int64_t width = 0;
  std::function<void(int64_t cell, float* row)> write;
};
CellNumbers numbers_of(const ConfounderMatrix& confounders);

// Visits rows of unit length and their values: scores by `loadings`, then what
// is known `beside` of their cells. False when the pass was stopped.
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

  // Of the rows of all processes.
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

// Directions of k values of variance 1, the columns, that confounders explain
// most and least, and which share of each, beyond chance. The covariance is
// that of the values, followed by the confounders, over n cells.
struct Canonical {
  Eigen::MatrixXd directions;
  Eigen::VectorXd explained;
};
Canonical canonical_directions(const Eigen::MatrixXd& covariance, int64_t k,
                               double n);

// What a direction is multiplied by of which confounders explain this share: 0
// from a half on. To scale what is theirs as much as the cells' own would leave
// the two as hard to tell apart as they were.
double strictly_kept(double explained);

}  // namespace sailer
