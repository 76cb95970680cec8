// The schedules of 2.2.2 as pure functions of the epoch, counted from 0.
#pragma once

#include <cstdint>

namespace sailer {

struct Schedule {
  int64_t warmup = 10;   // epochs of reconstruction only, z without noise
  int64_t period = 100;  // epochs of one annealing cycle
  double learning_rate = 1e-3;
  double decay = 0.995;  // factor on the learning rate, each epoch
};

// True during the deterministic warm-up.
bool is_warmup(const Schedule& schedule, int64_t epoch);

// Weight of the KL terms, in [0, 1]: 0 during the warm-up; then in every period
// a linear rise from 0 to 1 over its first half and 1 over its second.
double annealing(const Schedule& schedule, int64_t epoch);

double learning_rate(const Schedule& schedule, int64_t epoch);

}  // namespace sailer
