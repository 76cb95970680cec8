#include "confounders.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "../support/error.h"

namespace sailer {
namespace {

template <typename Value>
Standard standard_of(const std::vector<int64_t>& cells, Value&& value) {
  Standard standard;
  if (cells.empty()) return standard;
  const double n = static_cast<double>(cells.size());
  double sum = 0;
  for (int64_t cell : cells) sum += value(cell);
  standard.mean = sum / n;
  double squares = 0;
  for (int64_t cell : cells) {
    const double difference = value(cell) - standard.mean;
    squares += difference * difference;
  }
  const double sd = std::sqrt(squares / n);
  // A constant column carries no information: leave it at 0 instead of dividing
  // by a rounding error.
  if (sd > 1e-12 * (1 + std::fabs(standard.mean))) standard.sd = sd;
  return standard;
}

void check_lengths(const Confounders& confounders) {
  const size_t n = confounders.depth.size();
  for (const LabelColumn& label : confounders.labels) {
    require(label.codes.size() == n, "`", label.name, "` has ",
            label.codes.size(), " labels for ", n, " cells.");
  }
  for (const NumberColumn& number : confounders.numbers) {
    require(number.values.size() == n, "`", number.name, "` has ",
            number.values.size(), " values for ", n, " cells.");
  }
}

}  // namespace

ConfounderScaling fit_scaling(const Confounders& confounders,
                              const std::vector<int64_t>& cells) {
  check_lengths(confounders);
  ConfounderScaling scaling;
  scaling.log_depth = standard_of(
      cells, [&](int64_t cell) { return std::log(confounders.depth[cell]); });
  for (const NumberColumn& number : confounders.numbers) {
    scaling.numbers.push_back(
        standard_of(cells, [&](int64_t cell) { return number.values[cell]; }));
  }
  return scaling;
}

ConfounderMatrix encode(const Confounders& confounders,
                        const ConfounderScaling& scaling) {
  check_lengths(confounders);
  require(scaling.numbers.size() == confounders.numbers.size(),
          "The model has ", scaling.numbers.size(), " numeric covariates, but ",
          confounders.numbers.size(), " were given.");
  ConfounderMatrix matrix;
  matrix.number_columns = {0};
  matrix.width = 1;
  std::vector<int64_t> first_level;  // of each label
  for (const LabelColumn& label : confounders.labels) {
    first_level.push_back(matrix.width);
    matrix.width += label.n_levels;
  }
  for (size_t k = 0; k < scaling.numbers.size(); ++k) {
    matrix.number_columns.push_back(static_cast<int32_t>(matrix.width++));
  }
  matrix.n_labels = n_of(confounders.labels);
  matrix.numbers.reserve(confounders.n_cells() * n_of(matrix.number_columns));
  matrix.ones.reserve(confounders.n_cells() * matrix.n_labels);
  for (int64_t cell = 0; cell < confounders.n_cells(); ++cell) {
    const Standard& depth = scaling.log_depth;
    matrix.numbers.push_back(static_cast<float>(
        (std::log(confounders.depth[cell]) - depth.mean) / depth.sd));
    for (size_t k = 0; k < scaling.numbers.size(); ++k) {
      const Standard& standard = scaling.numbers[k];
      matrix.numbers.push_back(static_cast<float>(
          (confounders.numbers[k].values[cell] - standard.mean) / standard.sd));
    }
    for (size_t k = 0; k < first_level.size(); ++k) {
      const int32_t code = confounders.labels[k].codes[cell];
      matrix.ones.push_back(static_cast<int32_t>(
          code < 0 ? matrix.width : first_level[k] + code));
    }
  }
  return matrix;
}

void ConfounderMatrix::write_row(int64_t cell, float* row) const {
  std::fill(row, row + width, 0.0f);
  const int64_t n = n_of(number_columns);
  for (int64_t k = 0; k < n; ++k) {
    row[number_columns[k]] = numbers[cell * n + k];
  }
  for (int64_t k = 0; k < n_labels; ++k) {
    const int32_t column = ones[cell * n_labels + k];
    if (column < width) row[column] = 1;
  }
}

ConfounderMatrix confounders_of_numbers(int64_t width,
                                        std::vector<float> numbers) {
  ConfounderMatrix matrix;
  matrix.width = width;
  matrix.number_columns.resize(static_cast<size_t>(width));
  std::iota(matrix.number_columns.begin(), matrix.number_columns.end(), 0);
  matrix.numbers = std::move(numbers);
  return matrix;
}

}  // namespace sailer
