// Initial values of a model: the linear method's posterior for the same cells,
// in as many dimensions as the cells support.
#pragma once

#include <cstdint>
#include <optional>

#include "../data/confounders.h"
#include "../linear/lsi.h"
#include "../models/sailer_model.h"
#include "sampler.h"

namespace sailer {

// LSI of the training cells, whose components are judged by the held-out cells,
// or, if there are none, by a tenth of the training cells. `cells.taken` is set
// here. Computes at least as many components as n_latent_for() may choose, even
// if `n_latent` says how many the start will have. A model that is `guided` by
// a reference hardly moves away from its start, so confounders are removed
// strictly. Returns nullopt if a pass over the cells was stopped.
std::optional<Lsi> lsi_of(CellRows cells, const Split& split,
                          const ConfounderMatrix& confounders,
                          const std::vector<float>& weights, int64_t n_latent,
                          bool guided, uint64_t seed);

// Number of latent dimensions for a model that leaves it open: the number of
// LSI components that hold more than noise, from 8 to 40, and above 8 at most
// one for every 20 cells. For few cells with many open peaks, every component
// holds more than noise, yet a model with all of them explains held-out cells
// less well. With fewer than 8, clustering by nearest neighbours splits large
// cell types. If the model is aligned with a reference, at least 5, in addition
// to the `n_reference` dimensions of the reference, of which at most 32 count.
int64_t n_latent_for(const Lsi& lsi, int64_t n_cells, int64_t n_reference = 0);

// Initialises the linear path of the model's encoder, and the log variance,
// from `start`.
void start_at(SailerModel& model, const LinearPosterior& start);

// Initialises a model that is aligned with a reference from its
// reference_map(), including the reference's own path if the encoder reads the
// reference. `weights` are those of the peaks; `cells.taken` is set here.
// Returns false, and leaves the model unchanged, if a pass over the cells was
// stopped.
bool start_at_reference(SailerModel& model, CellRows cells, const Split& split,
                        const std::vector<float>& weights,
                        const Reference& reference,
                        const ConfounderMatrix& confounders, const Lsi& lsi);

}  // namespace sailer
