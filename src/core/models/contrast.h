// Compares two groups of cells peak by peak: the probabilities that the decoder
// gives to a peak, averaged over each group, and the uncertainty of their ratio
// and difference.
//
// The uncertainty has two sources. Cells of a group differ, and so do the
// samples of their posteriors: the variance of a mean. And the decoder has
// learned each peak's weights from a limited number of open cells: a Laplace
// approximation of the last layer, the inverse Fisher information of these
// weights in the training cells, given the outputs of the layers before.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

#include "../support/monitor.h"
#include "sailer_model.h"

namespace sailer {

// Points of the latent space that represent the cells of a group.
struct ContrastGroup {
  at::Tensor z;        // [samples * n, d]: n cells, sample after sample
  at::Tensor weights;  // [n], sum 1
};

// The cells from which the weights were learned, with their own confounders.
// Cells of one cluster are treated as having similar accessibility.
struct ContrastTraining {
  at::Tensor z, confounders;      // [m, d], [m, K]
  at::Tensor weights;             // [m]: number of cells that each represents
  std::vector<int64_t> clusters;  // [m], from 0
  int64_t n_clusters = 0;
};

struct ContrastOptions {
  double shift = 0;   // added to every logit (-log omega calibrates)
  double offset = 0;  // added to every probability: keeps logarithms finite
  double ridge = 0;   // prior precision of a weight, added to the information
};

// One value per peak. Logarithms are natural, and taken of mean + offset.
struct PeakContrasts {
  std::vector<double> mean_1, mean_2;       // without the offset
  std::vector<double> log_variance;         // of log(mean 1) - log(mean 2)
  std::vector<double> difference_variance;  // of mean 1 - mean 2
};

// Returns the contrasts of `peaks`, which are indices in the model's layout.
// Each row of `confounders`, [C, K], is applied to all cells of both groups,
// and the probabilities are averaged over the rows with weights `shares`, [C],
// sum 1. Empty if the monitor asked to stop. Throws Error(kArgument) if the
// cells or peaks do not fit the model.
PeakContrasts contrast_peaks(const SailerModel& model,
                             const ContrastGroup& first,
                             const ContrastGroup& second,
                             const at::Tensor& confounders,
                             const at::Tensor& shares,
                             const ContrastTraining& training,
                             const std::vector<int64_t>& peaks,
                             const ContrastOptions& options, Monitor& monitor);

}  // namespace sailer
