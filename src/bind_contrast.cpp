// Binding of the comparison of two groups of cells
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

namespace {

using namespace sailer;

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

// `first` and `second` are list(z, weights), `training` is list(z, confounders,
// weights, clusters, n_clusters), `options` list(shift, offset, ridge), as
// core/models/contrast.h has them; peaks and clusters are counted from 1.
// [[Rcpp::export]]
Rcpp::List core_sailer_contrast(SEXP model, Rcpp::List first, Rcpp::List second,
                                Rcpp::NumericMatrix confounders,
                                Rcpp::NumericVector shares, Rcpp::List training,
                                Rcpp::IntegerVector peaks, Rcpp::List options) {
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const ContrastOptions given{options["shift"], options["offset"],
                                options["ridge"]};
    RMonitor monitor;
    const PeakContrasts out = contrast_peaks(
        *held, group_from_r(first), group_from_r(second),
        tensor_from_r(confounders), vector_from_r(shares),
        training_from_r(training), places_from_r(peaks), given, monitor);
    check_done(n_of(out.mean_1) == peaks.size());
    return Rcpp::List::create(
        _["mean_1"] = out.mean_1, _["mean_2"] = out.mean_2,
        _["log_variance"] = out.log_variance,
        _["difference_variance"] = out.difference_variance);
  });
}
