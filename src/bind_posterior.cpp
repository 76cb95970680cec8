// Door to the posterior of cells: its mean is their embedding, and
// differential_accessibility() samples it.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "core/models/sailer_model.h"
#include "core/training/passes.h"

using namespace sailer;

// list(mean, log_variance) of q(z | x), each cells x n_latent. `peak_map` and
// `reference` are as core_sailer_train() takes them: only joint models read a
// reference.
// [[Rcpp::export]]
Rcpp::List core_sailer_posterior(SEXP model, SEXP source,
                                 Rcpp::IntegerVector peak_map, SEXP reference) {
  return guarded([&] {
    Rcpp::XPtr<SailerModel> held(model);
    const CellSourcePtr cells = unwrap_source(source);
    StreamOptions options;
    options.device = held->tensor_options().device();
    // No encoder reads confounders: a matrix without columns will do.
    BatchStream stream(cells, feature_map_from_r(peak_map), ConfounderMatrix(),
                       options, reference_from_r(reference));
    RMonitor silent;
    const CellPosteriors found = posteriors_of_cells(*held, stream, silent);
    const int64_t n = cells->n_cells(), d = held->options().n_latent;
    check_done(n_of(found.mean) == n * d);
    return Rcpp::List::create(
        _["mean"] = matrix_to_r(found.mean, n, d),
        _["log_variance"] = matrix_to_r(found.log_variance, n, d));
  });
}
