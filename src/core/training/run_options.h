// Options of a run that every task has. Torch-free.
#pragma once

#include <cstdint>

#include "../models/compute_options.h"

namespace sailer {

struct RunOptions {
  // Maximum number of passes over the training cells.
  int64_t epochs = 1;

  // Stop after this many epochs without a better score on the held-out cells;
  // 0 trains to the end. Ignored if no cells are held out.
  int64_t patience = 0;

  // Coupled L2 decay of all parameters.
  double weight_decay = 0;

  // How the optimiser computes: see Adam.
  Engine engine = Engine::kFused;

  // If above 0, gradients are scaled so that their joint L2 norm is at most
  // this: smaller is steadier and slower. Layers then no longer update
  // parameters themselves. 0: gradients are not scaled.
  double clip_norm = 0;
};

}  // namespace sailer
