// The Monitor for R: forwards progress to an R function a few times a second
// and notices Ctrl-C. Used only on R's thread.
#pragma once

#include <Rcpp.h>

#include <chrono>
#include <functional>

#include "../core/support/monitor.h"

namespace sailer {

class RMonitor : public Monitor {
 public:
  // `report` is NULL or a function of one list.
  explicit RMonitor(const Rcpp::RObject& report = R_NilValue)
      : report_(report) {}

  bool keep_going(const Progress& progress) override {
    const auto now = std::chrono::steady_clock::now();
    const bool ends_epoch = progress.cells_done >= progress.n_cells;
    if (now - last_ < std::chrono::milliseconds(100) && !ends_epoch) {
      return !stopped_;
    }
    last_ = now;
    stopped_ = stopped_ || interrupted() || !reported(progress);
    return !stopped_;
  }

  // The same for passes that do not report progress: true stops them.
  std::function<bool()> cancelled() {
    return [this] { return !keep_going({}); };
  }

 private:
  // Returns false if Ctrl-C was pressed while the progress bar was drawn.
  bool reported(const Progress& progress) {
    if (report_.isNULL()) return true;
    try {
      Rcpp::Function report(report_);
      report(as_list(progress));
    } catch (const Rcpp::internal::InterruptedException&) {
      return false;
    }
    return true;
  }

  static void check(void*) { R_CheckUserInterrupt(); }

  // Checks for a pending Ctrl-C without letting R jump out of the core.
  static bool interrupted() { return R_ToplevelExec(check, nullptr) == FALSE; }

  static Rcpp::List as_list(const Progress& p) {
    using Rcpp::_;
    Rcpp::NumericVector parts;
    for (const NamedNumber& part : p.parts) {
      parts.push_back(part.value, part.name);
    }
    return Rcpp::List::create(_["epoch"] = p.epoch, _["epochs"] = p.n_epochs,
                              _["done"] = p.cells_done, _["cells"] = p.n_cells,
                              _["loss"] = p.loss, _["parts"] = parts,
                              _["speed"] = p.cells_per_second,
                              _["seconds_left"] = p.seconds_left);
  }

  Rcpp::RObject report_;
  std::chrono::steady_clock::time_point last_{};
  bool stopped_ = false;  // stays true once a stop was requested
};

// Raises R's interrupt if a pass was stopped.
inline void check_done(bool done) {
  if (!done) throw Rcpp::internal::InterruptedException();
}

}  // namespace sailer
