// Passes over cells without gradients: validation and embedding.
#pragma once

#include <vector>

#include "../data/batch_stream.h"
#include "../models/sailer_model.h"
#include "../support/monitor.h"

namespace sailer {

// Means of SailerModel::evaluate() over `cells`; the noise is the same each
// time.
SailerModel::Evaluation evaluate_cells(SailerModel& model, BatchStream& stream,
                                       const std::vector<int64_t>& cells);

// Posterior means of all cells of the stream's source in its order, row-major
// [cells x n_latent]; empty when the monitor asked to stop.
std::vector<float> embed_cells(SailerModel& model, BatchStream& stream,
                               Monitor& monitor);

}  // namespace sailer
