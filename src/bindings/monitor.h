// The Monitor that speaks to R: forwards progress to an R function a few times
// a second and notices Ctrl-C. Used on R's thread only.
#pragma once

#include <Rcpp.h>

#include <chrono>

#include "../core/support/monitor.h"

namespace sailer {

class RMonitor : public Monitor {
 public:
  // `report` is NULL or a function of one list.
  explicit RMonitor(const Rcpp::RObject& report) : report_(report) {}

  bool keep_going(const Progress& progress) override {
    const auto now = std::chrono::steady_clock::now();
    const bool ends_epoch = progress.cells_done >= progress.n_cells;
    if (now - last_ < std::chrono::milliseconds(100) && !ends_epoch) {
      return true;
    }
    last_ = now;
    if (interrupted()) return false;
    if (report_.isNULL()) return true;
    try {
      Rcpp::Function report(report_);
      report(as_list(progress));
    } catch (const Rcpp::internal::InterruptedException&) {
      return false;  // Ctrl-C while the progress bar was drawn
    }
    return true;
  }

 private:
  static void check(void*) { R_CheckUserInterrupt(); }

  // Asks for a pending Ctrl-C without letting R jump out of the core.
  static bool interrupted() { return R_ToplevelExec(check, nullptr) == FALSE; }

  static Rcpp::List as_list(const Progress& p) {
    return Rcpp::List::create(
        Rcpp::Named("epoch") = static_cast<double>(p.epoch),
        Rcpp::Named("epochs") = static_cast<double>(p.n_epochs),
        Rcpp::Named("done") = static_cast<double>(p.cells_done),
        Rcpp::Named("cells") = static_cast<double>(p.n_cells),
        Rcpp::Named("loss") = p.loss,
        Rcpp::Named("reconstruction") = p.reconstruction,
        Rcpp::Named("kl") = p.kl, Rcpp::Named("marginal") = p.marginal,
        Rcpp::Named("beta") = p.beta, Rcpp::Named("speed") = p.cells_per_second,
        Rcpp::Named("seconds_left") = p.seconds_left);
  }

  Rcpp::RObject report_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace sailer
