#include "train_options.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "../support/error.h"

namespace sailer {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) throw Error(ErrorKind::kArgument, message);
}

}  // namespace

void TrainOptions::check() const {
  require(epochs == kAuto || epochs >= 1, "`epochs` must be at least 1.");
  require(batch_size >= 2,
          "`batch_size` must be at least 2: batch normalisation needs more "
          "than one cell.");
  require(std::isfinite(learning_rate) && learning_rate > 0,
          "`learning_rate` must be a number above 0.");
  require(learning_rate_decay > 0 && learning_rate_decay <= 1,
          "`learning_rate_decay` must be above 0 and at most 1.");
  require(std::isfinite(weight_decay) && weight_decay >= 0,
          "`weight_decay` must be a number of at least 0.");
  require(warmup == kAuto || warmup >= 0, "`warmup` must be at least 0.");
  require(period == kAuto || period >= 1, "`period` must be at least 1.");
  require(validation >= 0 && validation < 1,
          "`validation` must be at least 0 and less than 1.");
  require(patience >= 0, "`patience` must be at least 0.");
  require(patience == 0 || validation > 0,
          "`patience` needs cells to validate on: set `validation` above 0.");
  require(compute.sampled_share > 0 && compute.sampled_share <= 1,
          "`sampled_share` must be above 0 and at most 1.");
}

TrainOptions TrainOptions::resolve(int64_t n_cells) const {
  constexpr int64_t kCellsInAll = 400000;
  constexpr int64_t kUsualPeriod = 100;
  TrainOptions out = *this;
  if (out.epochs == kAuto) {
    const int64_t enough = (kCellsInAll + n_cells - 1) / n_cells;
    out.epochs = std::min<int64_t>(400, std::max<int64_t>(60, enough));
  }
  if (out.warmup == kAuto) {
    out.warmup = std::min<int64_t>(10, out.epochs / 6);
  }
  if (out.period == kAuto) {
    const int64_t annealed = std::max<int64_t>(1, out.epochs - out.warmup);
    const int64_t cycles =
        std::max<int64_t>(1, (annealed + kUsualPeriod / 2) / kUsualPeriod);
    out.period = (annealed + cycles - 1) / cycles;
  }
  return out;
}

Schedule TrainOptions::schedule() const {
  return {warmup, period, learning_rate, learning_rate_decay};
}

RunOptions TrainOptions::run() const {
  RunOptions out;
  out.epochs = epochs;
  out.patience = patience;
  out.weight_decay = weight_decay;
  out.engine = compute.engine;
  return out;
}

}  // namespace sailer
