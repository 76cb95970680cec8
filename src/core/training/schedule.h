// The schedules of thesis 2.2.2 as pure functions of the time in epochs,
// counted from 0: a minibatch in the middle of the first epoch is at 0.5. Runs
// of one epoch and of hundreds follow the same course.
#pragma once

#include <algorithm>
#include <cmath>

namespace sailer {

struct Schedule {
  double frozen = 0;    // epochs in which only the decoder learns
  double warmup = 10;   // epochs of reconstruction only, z without noise
  double period = 100;  // epochs of one annealing cycle
  double learning_rate = 1e-3;
  double decay = 0.995;  // factor on the learning rate, each epoch
};

// True while the encoder is frozen.
inline bool is_frozen(const Schedule& schedule, double epoch) {
  return epoch < schedule.frozen;
}

// True during the deterministic warm-up.
inline bool is_warmup(const Schedule& schedule, double epoch) {
  return epoch < schedule.warmup;
}

// Weight of the KL terms, in [0, 1]: 0 during the warm-up; then in every period
// a linear rise from 0 to 1 over its first half and 1 over its second.
inline double annealing(const Schedule& schedule, double epoch) {
  if (is_warmup(schedule, epoch)) return 0;
  const double into = std::fmod(epoch - schedule.warmup, schedule.period);
  return std::min(1.0, 2 * into / schedule.period);
}

inline double learning_rate(const Schedule& schedule, double epoch) {
  return schedule.learning_rate * std::pow(schedule.decay, epoch);
}

}  // namespace sailer
