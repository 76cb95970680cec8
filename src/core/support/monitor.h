// How a long run reports its progress and learns that it should stop. The core
// prints nothing and knows of no console: whoever starts a run passes it a
// Monitor, and only the thread that started it talks to R.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sailer {

struct NamedNumber {
  std::string name;
  double value = 0;
};

struct Progress {
  int64_t epoch = 0;                    // from 1
  int64_t n_epochs = 0;                 // at most
  int64_t cells_done = 0, n_cells = 0;  // within the epoch
  double loss = 0;                      // mean of the epoch so far
  std::vector<NamedNumber> parts;       // the same for each part of the loss
  double cells_per_second = 0;
  double seconds_left = 0;
};

class Monitor {
 public:
  virtual ~Monitor() = default;

  // Called after every minibatch; false requests an orderly stop. Calls are
  // expected to be cheap: an implementation limits the rate of its own work.
  virtual bool keep_going(const Progress&) { return true; }
};

}  // namespace sailer
