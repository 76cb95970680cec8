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
      return !stopped_;
    }
    last_ = now;
    stopped_ = stopped_ || interrupted() || !reported(progress);
    return !stopped_;
  }

 private:
  // False: Ctrl-C while the progress bar was drawn.
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

  // Asks for a pending Ctrl-C without letting R jump out of the core.
  static bool interrupted() { return R_ToplevelExec(check, nullptr) == FALSE; }

  static Rcpp::List as_list(const Progress& p) {
    Rcpp::NumericVector parts(p.parts.size());
    Rcpp::CharacterVector names(p.parts.size());
    for (size_t k = 0; k < p.parts.size(); ++k) {
      parts[k] = p.parts[k].value;
      names[k] = p.parts[k].name;
    }
    parts.names() = names;
    return Rcpp::List::create(
        Rcpp::Named("epoch") = static_cast<double>(p.epoch),
        Rcpp::Named("epochs") = static_cast<double>(p.n_epochs),
        Rcpp::Named("done") = static_cast<double>(p.cells_done),
        Rcpp::Named("cells") = static_cast<double>(p.n_cells),
        Rcpp::Named("loss") = p.loss, Rcpp::Named("parts") = parts,
        Rcpp::Named("speed") = p.cells_per_second,
        Rcpp::Named("seconds_left") = p.seconds_left);
  }

  Rcpp::RObject report_;
  std::chrono::steady_clock::time_point last_{};
  bool stopped_ = false;  // once asked to stop, for good
};

}  // namespace sailer
