// Bindings for new cells and a trained model: how likely the cells are with a
// vector in place of a batch's one-hot columns, and how to learn such a vector
// for them.
//
// Cells come from sources whose features are the model's peaks, in the same
// order.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <memory>
#include <numeric>
#include <string>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/tensors.h"
#include "core/training/adapt.h"

namespace {

using namespace sailer;

// Returns minibatches of a source, for a model that is not trained.
std::unique_ptr<BatchStream> query_stream(
    SailerModel& model, SEXP source, const Rcpp::NumericMatrix& confounders) {
  const CellSourcePtr cells = unwrap_source(source);
  const int64_t n_peaks = model.layout().n_peaks();
  require(cells->n_features() == n_peaks &&
              confounders.nrow() == cells->n_cells() &&
              confounders.ncol() == model.n_confounders(),
          "The model reads ", n_peaks, " peaks and ", model.n_confounders(),
          " confounders of each cell, but the given cells have other ones.");
  std::vector<int32_t> map(n_peaks);
  std::iota(map.begin(), map.end(), 0);
  StreamOptions options;
  options.batch_size = 100;
  options.device = model.tensor_options().device();
  options.resident_bytes = 0;
  return std::make_unique<BatchStream>(
      cells, std::move(map),
      confounders_of_numbers(confounders.ncol(), row_major_from_r(confounders)),
      options);
}

}  // namespace

// Returns the mean log-likelihood per cell, in nats, of `cells` (from 1) with
// each row of `vectors` in place of the columns of `confounders` from `first`
// (from 1) on.
// [[Rcpp::export]]
std::vector<double> core_sailer_likelihood(SEXP model, SEXP source,
                                           Rcpp::NumericMatrix confounders,
                                           Rcpp::NumericVector cells,
                                           double first,
                                           Rcpp::NumericMatrix vectors) {
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const auto stream = query_stream(*held, source, confounders);
    const at::Tensor rows = tensor_from_r(vectors).to(held->tensor_options());
    RMonitor monitor;
    const std::vector<double> found =
        label_likelihoods(*held, *stream, places_from_r(cells),
                          static_cast<int64_t>(first) - 1, rows, monitor);
    check_done(!found.empty());
    return found;
  });
}

// Learns a vector for those columns from the cells `training`, and chooses it
// by the likelihood of the cells `held_out`. `options` is list(seed, steps).
// [[Rcpp::export]]
Rcpp::List core_sailer_adapt(SEXP model, SEXP source,
                             Rcpp::NumericMatrix confounders,
                             Rcpp::NumericVector training,
                             Rcpp::NumericVector held_out, double first,
                             Rcpp::NumericVector start, Rcpp::List options) {
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const auto stream = query_stream(*held, source, confounders);
    RMonitor monitor;
    AdaptOptions given;
    given.seed = Rcpp::as<uint64_t>(options["seed"]);
    given.steps = Rcpp::as<int64_t>(options["steps"]);
    const Adapted found =
        adapt_label(*held, *stream, places_from_r(training),
                    places_from_r(held_out), static_cast<int64_t>(first) - 1,
                    Rcpp::as<std::vector<double>>(start), given, monitor);
    check_done(!found.stopped);
    return Rcpp::List::create(_["vector"] = found.vector,
                              _["likelihood"] = found.likelihood,
                              _["history"] = found.history);
  });
}
