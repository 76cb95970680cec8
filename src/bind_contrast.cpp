// Door to the comparison of two groups of cells
// (R/differential_accessibility.R).
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <cstdint>
#include <vector>

#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "core/models/contrast.h"

namespace sailer {
namespace {

// Copies of R's matrix, which is column-major, and vector.
at::Tensor matrix_from_r(const Rcpp::NumericMatrix& matrix) {
  return at::from_blob(const_cast<double*>(matrix.begin()),
                       {matrix.ncol(), matrix.nrow()},
                       at::TensorOptions().dtype(at::kDouble))
      .t()
      .contiguous();
}

at::Tensor vector_from_r(const Rcpp::NumericVector& vector) {
  return at::from_blob(const_cast<double*>(vector.begin()), {vector.size()},
                       at::TensorOptions().dtype(at::kDouble))
      .clone();
}

std::vector<int64_t> from_one(const Rcpp::IntegerVector& places) {
  std::vector<int64_t> out;
  out.reserve(places.size());
  for (int place : places) out.push_back(int64_t{place} - 1);
  return out;
}

ContrastGroup group_from_r(const Rcpp::List& group) {
  return {matrix_from_r(group["z"]), vector_from_r(group["weights"])};
}

ContrastTraining training_from_r(const Rcpp::List& training) {
  ContrastTraining out;
  out.z = matrix_from_r(training["z"]);
  out.confounders = matrix_from_r(training["confounders"]);
  out.weights = vector_from_r(training["weights"]);
  out.clusters = from_one(training["clusters"]);
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
        matrix_from_r(confounders), vector_from_r(shares),
        training_from_r(training), from_one(peaks), given, monitor);
    if (peaks.size() > 0 && out.mean_1.empty()) {
      throw Rcpp::internal::InterruptedException();
    }
    return Rcpp::List::create(
        Rcpp::Named("mean_1") = out.mean_1, Rcpp::Named("mean_2") = out.mean_2,
        Rcpp::Named("log_variance") = out.log_variance,
        Rcpp::Named("difference_variance") = out.difference_variance);
  });
}
