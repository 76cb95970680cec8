// Door to the posterior of cells (R/differential_accessibility.R samples it).
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <cstdint>
#include <vector>

#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/reference.h"
#include "bindings/source.h"
#include "core/models/sailer_model.h"
#include "core/training/posterior_pass.h"

namespace sailer {

namespace {

// Cells per step: no gradient is taken.
constexpr int64_t kCellsPerStep = 512;

// Row-major cells x d to R's column-major matrix.
Rcpp::NumericMatrix matrix_to_r(const std::vector<float>& values,
                                int64_t n_cells, int64_t d) {
  Rcpp::NumericMatrix out(static_cast<int>(n_cells), static_cast<int>(d));
  for (int64_t i = 0; i < n_cells; ++i) {
    for (int64_t k = 0; k < d; ++k) {
      out(static_cast<int>(i), static_cast<int>(k)) = values[i * d + k];
    }
  }
  return out;
}

}  // namespace
}  // namespace sailer

// list(mean, log_variance) of q(z | x), each cells x n_latent. `peak_map`
// and `reference` are as core_sailer_embed() takes them.
// [[Rcpp::export]]
Rcpp::List core_sailer_posterior(SEXP model, SEXP source,
                                 Rcpp::IntegerVector peak_map, SEXP reference) {
  using namespace sailer;
  return guarded([&] {
    Rcpp::XPtr<SailerModel> held(model);
    const CellSourcePtr cells = unwrap_source(source);
    std::vector<int32_t> map;
    map.reserve(peak_map.size());
    for (int place : peak_map) {
      map.push_back(place == NA_INTEGER ? -1 : place - 1);
    }
    StreamOptions options;
    options.batch_size = kCellsPerStep;
    options.device = held->tensor_options().device();
    BatchStream stream(
        cells, std::move(map),
        columns_to_encode(reference, cells->n_cells(), held->n_confounders()),
        options);
    RMonitor silent(R_NilValue);
    const CellPosteriors found = posteriors_of_cells(*held, stream, silent);
    const int64_t n = cells->n_cells(), d = held->options().n_latent;
    if (n > 0 && found.mean.empty()) {
      throw Rcpp::internal::InterruptedException();
    }
    return Rcpp::List::create(
        Rcpp::Named("mean") = matrix_to_r(found.mean, n, d),
        Rcpp::Named("log_variance") = matrix_to_r(found.log_variance, n, d));
  });
}
