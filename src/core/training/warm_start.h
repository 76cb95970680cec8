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
// here. At least as many components are looked at as n_latent_for() may choose,
// also where `n_latent` says how many a start will have. A model that is
// `guided` by a reference hardly moves from its start, so confounders are taken
// out strictly. Nothing when a pass over the cells was stopped.
std::optional<Lsi> lsi_of(CellRows cells, const Split& split,
                          const ConfounderMatrix& confounders,
                          const std::vector<float>& weights, int64_t n_latent,
                          bool guided, uint64_t seed);

// Dimensions of a model that leaves them open: LSI's components that hold more
// than noise, 8 to 40, and above 8 no more than one for every 20 cells: of few
// cells with many open peaks every component does, yet a model of all of them
// explains held-out cells less well. In fewer than 8 the clustering of
// neighbours splits large types. Where the model is aligned with a reference,
// at least 5, beside the reference's dimensions, of `n_reference` at most 32.
int64_t n_latent_for(const Lsi& lsi, int64_t n_cells, int64_t n_reference = 0);

// Starts the linear path of the model's encoder, and the log variance, there.
void start_at(SailerModel& model, const LinearPosterior& start);

// Starts a model that is aligned with a reference at its reference_map(), the
// reference's own path where the encoder reads it. `weights` are those of the
// peaks; `cells.taken` is decided here. False when a pass over the cells was
// stopped: the model is then as it was.
bool start_at_reference(SailerModel& model, CellRows cells, const Split& split,
                        const std::vector<float>& weights,
                        const Reference& reference,
                        const ConfounderMatrix& confounders, const Lsi& lsi);

}  // namespace sailer
