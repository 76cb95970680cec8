#include "train_options.h"

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
  require(epochs >= 1, "`epochs` must be at least 1.");
  require(batch_size >= 2,
          "`batch_size` must be at least 2: batch normalisation needs more "
          "than one cell.");
  require(std::isfinite(learning_rate) && learning_rate > 0,
          "`learning_rate` must be a number above 0.");
  require(learning_rate_decay > 0 && learning_rate_decay <= 1,
          "`learning_rate_decay` must be above 0 and at most 1.");
  require(std::isfinite(weight_decay) && weight_decay >= 0,
          "`weight_decay` must be a number of at least 0.");
  require(warmup >= 0, "`warmup` must be at least 0.");
  require(period >= 1, "`period` must be at least 1.");
  require(validation >= 0 && validation < 1,
          "`validation` must be at least 0 and less than 1.");
  require(patience >= 0, "`patience` must be at least 0.");
  require(patience == 0 || validation > 0,
          "`patience` needs cells to validate on: set `validation` above 0.");
}

Schedule TrainOptions::schedule() const {
  return {warmup, period, learning_rate, learning_rate_decay};
}

}  // namespace sailer
