#include "schedule.h"

#include <algorithm>
#include <cmath>

namespace sailer {

bool is_warmup(const Schedule& schedule, int64_t epoch) {
  return epoch < schedule.warmup;
}

double annealing(const Schedule& schedule, int64_t epoch) {
  if (is_warmup(schedule, epoch)) return 0;
  const int64_t step = (epoch - schedule.warmup) % schedule.period;
  return std::min(1.0, 2 * static_cast<double>(step) /
                           static_cast<double>(schedule.period));
}

double learning_rate(const Schedule& schedule, int64_t epoch) {
  return schedule.learning_rate *
         std::pow(schedule.decay, static_cast<double>(epoch));
}

}  // namespace sailer
