// Door to new cells of a trained model: how likely they are with vectors in
// place of a batch's one-hot, and such a vector learned for them.
//
// Cells come from sources whose features are the model's peaks, in its order.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <memory>
#include <numeric>
#include <string>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/source.h"
#include "core/training/adapt.h"

namespace sailer {
namespace {

// Cells x columns, as encode() makes them, one row per cell of the source.
ConfounderMatrix confounders_from_r(const Rcpp::NumericMatrix& values) {
  ConfounderMatrix out;
  out.width = values.ncol();
  out.values.reserve(static_cast<size_t>(values.size()));
  for (int i = 0; i < values.nrow(); ++i) {
    for (int k = 0; k < values.ncol(); ++k) {
      out.values.push_back(static_cast<float>(values(i, k)));
    }
  }
  return out;
}

// Minibatches of a source for a model that nothing is learned in.
std::unique_ptr<BatchStream> query_stream(
    SailerModel& model, SEXP source, const Rcpp::NumericMatrix& confounders) {
  const CellSourcePtr cells = unwrap_source(source);
  const int64_t n_peaks = model.layout().n_peaks();
  if (cells->n_features() != n_peaks ||
      confounders.nrow() != cells->n_cells() ||
      confounders.ncol() != model.n_confounders()) {
    throw Error(ErrorKind::kArgument,
                "The model reads " + std::to_string(n_peaks) + " peaks and " +
                    std::to_string(model.n_confounders()) +
                    " confounders of each cell, but other cells were given.");
  }
  std::vector<int32_t> map(static_cast<size_t>(n_peaks));
  std::iota(map.begin(), map.end(), 0);
  StreamOptions options;
  options.batch_size = 100;
  options.device = model.tensor_options().device();
  options.resident_bytes = 0;
  return std::make_unique<BatchStream>(
      cells, std::move(map), confounders_from_r(confounders), options);
}

AdaptOptions adapt_options_from_r(const Rcpp::List& values) {
  AdaptOptions options;
  options.seed = static_cast<uint64_t>(Rcpp::as<double>(values["seed"]));
  options.steps = static_cast<int64_t>(Rcpp::as<double>(values["steps"]));
  return options;
}

}  // namespace
}  // namespace sailer

// Mean log-likelihood per cell, in nats, of `cells` (from 1) with each row of
// `vectors` in place of the columns of `confounders` from `first` (from 1) on.
// [[Rcpp::export]]
Rcpp::NumericVector core_sailer_likelihood(SEXP model, SEXP source,
                                           Rcpp::NumericMatrix confounders,
                                           Rcpp::NumericVector cells,
                                           double first,
                                           Rcpp::NumericMatrix vectors) {
  using namespace sailer;
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const auto stream = query_stream(*held, source, confounders);
    const at::Tensor rows =
        at::from_blob(vectors.begin(), {vectors.ncol(), vectors.nrow()},
                      at::TensorOptions().dtype(at::kDouble))
            .t()
            .contiguous()
            .to(held->tensor_options());
    RMonitor monitor(R_NilValue);
    const std::vector<double> found =
        label_likelihoods(*held, *stream, places_from_r(cells),
                          static_cast<int64_t>(first) - 1, rows, monitor);
    if (found.empty()) throw Rcpp::internal::InterruptedException();
    return Rcpp::NumericVector(found.begin(), found.end());
  });
}

// A vector for those columns, learned from the cells `training` and chosen by
// the likelihood of the cells `held_out`. `options` is list(seed, steps).
// [[Rcpp::export]]
Rcpp::List core_sailer_adapt(SEXP model, SEXP source,
                             Rcpp::NumericMatrix confounders,
                             Rcpp::NumericVector training,
                             Rcpp::NumericVector held_out, double first,
                             Rcpp::NumericVector start, Rcpp::List options) {
  using namespace sailer;
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const auto stream = query_stream(*held, source, confounders);
    RMonitor monitor(R_NilValue);
    const Adapted found =
        adapt_label(*held, *stream, places_from_r(training),
                    places_from_r(held_out), static_cast<int64_t>(first) - 1,
                    std::vector<double>(start.begin(), start.end()),
                    adapt_options_from_r(options), monitor);
    if (found.stopped) throw Rcpp::internal::InterruptedException();
    return Rcpp::List::create(
        Rcpp::Named("vector") = Rcpp::wrap(found.vector),
        Rcpp::Named("likelihood") = found.likelihood,
        Rcpp::Named("history") = Rcpp::wrap(found.history));
  });
}
