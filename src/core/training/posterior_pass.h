// The whole posterior q(z | x) of cells, for those who sample from it.
#pragma once

#include <vector>

#include "../data/batch_stream.h"
#include "../models/sailer_model.h"
#include "../support/monitor.h"

namespace sailer {

// Both row-major [cells x n_latent], in the order of the stream's source.
struct CellPosteriors {
  std::vector<float> mean, log_variance;
};

// Of all cells of the stream's source, in evaluation mode; empty when the
// monitor asked to stop.
CellPosteriors posteriors_of_cells(const SailerModel& model,
                                   BatchStream& stream, Monitor& monitor);

}  // namespace sailer
