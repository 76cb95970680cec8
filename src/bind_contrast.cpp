// Door to the comparison of two groups of cells
// (R/differential_accessibility.R).
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <cstdint>
#include <vector>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/tensors.h"
#include "core/models/contrast.h"

namespace sailer {
namespace {

ContrastGroup group_from_r(const Rcpp::List& group) {
  return {tensor_from_r(group["z"]), vector_from_r(group["weights"])};
}

ContrastTraining training_from_r(const Rcpp::List& training) {
  ContrastTraining out;
  out.z = tensor_from_r(training["z"]);
  out.confounders = tensor_from_r(training["confounders"]);
  out.weights = vector_from_r(training["weights"]);
  out.clusters =
      places_from_r(Rcpp::as<Rcpp::IntegerVector>(training["clusters"]));
  out.n_clusters = Rcpp::as<int>(training["n_clusters"]);
  return out;
}

}  // namespace
}  // namespace sailer

// `first` and `second` are list(z, weights), `training` is list(z, confounders,
// weights, clusters, n_clusters), `options` list(shift, offset, ridge), as
// core/models/contrast.h has them; peaks and clusters are counted from 1.
// [[Rcpp::export]]
Rcpp::List core_sailer_contrast(SEXP model, Rcpp::List first, Rcpp::List second,
                                Rcpp::NumericMatrix confounders,
                                Rcpp::NumericVector shares, Rcpp::List training,
                                Rcpp::IntegerVector peaks, Rcpp::List options) {
  using namespace sailer;
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    ContrastOptions given;
    given.shift = Rcpp::as<double>(options["shift"]);
    given.offset = Rcpp::as<double>(options["offset"]);
    given.ridge = Rcpp::as<double>(options["ridge"]);
    RMonitor monitor(R_NilValue);
    const PeakContrasts out = contrast_peaks(
        *held, group_from_r(first), group_from_r(second),
        tensor_from_r(confounders), vector_from_r(shares),
        training_from_r(training), places_from_r(peaks), given, monitor);
    if (peaks.size() > 0 && out.mean_1.empty()) {
      throw Rcpp::internal::InterruptedException();
    }
    return Rcpp::List::create(
        Rcpp::Named("mean_1") = out.mean_1, Rcpp::Named("mean_2") = out.mean_2,
        Rcpp::Named("log_variance") = out.log_variance,
        Rcpp::Named("difference_variance") = out.difference_variance);
  });
}
