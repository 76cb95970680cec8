#include "schedule.h"

#include <algorithm>
#include <cmath>

namespace sailer {

bool is_frozen(const Schedule& schedule, double epoch) {
  return epoch < schedule.frozen;
}

bool is_warmup(const Schedule& schedule, double epoch) {
  return epoch < schedule.warmup;
}

double annealing(const Schedule& schedule, double epoch) {
  if (is_warmup(schedule, epoch)) return 0;
  const double into = std::fmod(epoch - schedule.warmup, schedule.period);
  return std::min(1.0, 2 * into / schedule.period);
}

double learning_rate(const Schedule& schedule, double epoch) {
  return schedule.learning_rate * std::pow(schedule.decay, epoch);
}

}  // namespace sailer
