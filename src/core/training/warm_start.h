// A model's linear path, started where the linear method ends.
#pragma once

#include <cstdint>

#include "../data/confounders.h"
#include "../linear/cell_rows.h"
#include "../models/sailer_model.h"

namespace sailer {

// Starts the linear path of the model's encoder at LSI (lsi_map.h) of the cells
// that are taken. False when a pass over them was stopped: the model is then as
// it was.
bool start_at_lsi(SailerModel& model, const CellRows& cells, uint64_t seed);

// The same of a model that is aligned with a reference, at that reference as
// far as peaks tell it, and beyond where the encoder reads it
// (reference_map.h).
bool start_at_reference(SailerModel& model, const CellRows& cells,
                        const Reference& reference, uint64_t seed);

}  // namespace sailer
