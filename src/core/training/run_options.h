// Options of a run that are the same for every task. Torch-free.
#pragma once

#include <cstdint>

#include "../models/compute_options.h"

namespace sailer {

struct RunOptions {
  // Passes over the training cells, at most.
  int64_t epochs = 1;

  // Stop after this many epochs without a better score on the cells held out;
  // 0 trains to the end. Ignored where no cells are held out.
  int64_t patience = 0;

  // Coupled L2 decay of all parameters.
  double weight_decay = 0;

  // How the optimiser computes: see Adam.
  Engine engine = Engine::kFused;

  // Gradients are scaled so that the L2 norm of all of them together is at most
  // this: smaller is steadier and slower. 0: they are left as they are. Layers
  // then no longer move parameters on their own.
  double clip_norm = 0;
};

}  // namespace sailer
