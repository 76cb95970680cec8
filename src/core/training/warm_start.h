// Where a model starts: at the linear method's posterior of the same cells, in
// as many dimensions as these have.
#pragma once

#include <cstdint>
#include <optional>

#include "../data/confounders.h"
#include "../linear/lsi.h"
#include "../models/sailer_model.h"
#include "sampler.h"

namespace sailer {

// LSI of the cells that are trained on, its components judged by those that are
// held out; without any, by a tenth of the others. `cells.taken` is decided
// here. With `n_latent` left open as many components are looked at as a model
// may have. Nothing when a pass over the cells was stopped.
std::optional<Lsi> lsi_of(CellRows cells, const Split& split,
                          const ConfounderMatrix& confounders,
                          const std::vector<float>& weights, int64_t n_latent,
                          uint64_t seed);

// Dimensions of a model that leaves them open: LSI's components that hold more
// than noise, 5 to 40, and above 5 no more than one for every 20 cells: of few
// cells with many open peaks every component does, yet a model of all of them
// explains held-out cells less well.
int64_t n_latent_for(const Lsi& lsi, int64_t n_cells);

// Starts the linear path of the model's encoder, and the log variance, at the
// posterior of LSI.
void start_at(SailerModel& model, const Lsi& lsi);

// Starts the linear path of a model that is aligned with a reference there, as
// far as the peaks of the cells that are trained on tell it, and beyond where
// the encoder reads it (reference_map.h). `weights` are those of the peaks;
// `cells.taken` is decided here. False when a pass over the cells was stopped:
// the model is then as it was.
bool start_at_reference(SailerModel& model, CellRows cells, const Split& split,
                        const std::vector<float>& weights,
                        const Reference& reference, uint64_t seed);

}  // namespace sailer
