// Imputation (thesis 2.2.4): the probabilities that the decoder gives to chosen
// peaks at chosen points of the latent space. They are computed and passed to a
// callback block by block, so that cells x peaks values are never held at once.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

#include "../support/monitor.h"
#include "sailer_model.h"

namespace sailer {

struct DecodeOptions {
  double shift = 0;  // added to every logit (-log omega calibrates)

  // Cells and peaks of a block. Each block copies the weights of its peaks;
  // more cells amortise that over more products, but take more memory.
  int64_t n_cells = 512;
  int64_t n_peaks = 4096;
};

struct DecodedBlock {
  int64_t first_cell = 0, first_peak = 0;  // among those requested
  at::Tensor values;  // [cells, peaks], on the CPU, contiguous
};

// Passes to `take` the probabilities of `peaks` (indices in the model's layout,
// in any order, repeats allowed) for each row of `z` [n, d], with confounders
// for each row, [n, K], or for all rows, [1, K]. Runs in eval mode and without
// gradients. Blocks come in the order of the cells and, for the same cells, in
// the order of the peaks. Returns false if the monitor asked to stop. Throws
// Error(kArgument) if shapes do not match or the model does not have a peak.
bool decode_peaks(const SailerModel& model, const at::Tensor& z,
                  const at::Tensor& confounders,
                  const std::vector<int64_t>& peaks,
                  const DecodeOptions& options,
                  const std::function<void(const DecodedBlock&)>& take,
                  Monitor& monitor);

}  // namespace sailer
