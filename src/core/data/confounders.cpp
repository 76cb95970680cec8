#include "confounders.h"

#include <cmath>

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
  // A constant column carries nothing: leave it at 0 instead of dividing by
  // rounding errors.
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
          "The model knows ", scaling.numbers.size(), " numeric covariates, ",
          confounders.numbers.size(), " were given.");
  ConfounderMatrix matrix;
  matrix.width = 1;
  for (const LabelColumn& label : confounders.labels) {
    matrix.width += label.n_levels;
  }
  matrix.width += n_of(confounders.numbers);
  matrix.values.assign(confounders.n_cells() * matrix.width, 0);
  for (int64_t cell = 0; cell < confounders.n_cells(); ++cell) {
    float* row = matrix.values.data() + cell * matrix.width;
    const Standard& depth = scaling.log_depth;
    *row++ = static_cast<float>(
        (std::log(confounders.depth[cell]) - depth.mean) / depth.sd);
    for (const LabelColumn& label : confounders.labels) {
      const int32_t code = label.codes[cell];
      if (code >= 0) row[code] = 1;
      row += label.n_levels;
    }
    for (size_t k = 0; k < scaling.numbers.size(); ++k) {
      const Standard& standard = scaling.numbers[k];
      *row++ = static_cast<float>(
          (confounders.numbers[k].values[cell] - standard.mean) / standard.sd);
    }
  }
  return matrix;
}

}  // namespace sailer
