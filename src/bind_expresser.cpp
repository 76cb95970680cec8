// Bindings for the Expresser: pretraining, models recreated from their
// parameters, embeddings and imputation.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/options.h"
#include "bindings/states.h"
#include "bindings/training.h"
#include "core/linear/expression_scores.h"
#include "core/models/expresser_model.h"
#include "core/support/shuffle.h"
#include "core/training/expresser_passes.h"
#include "core/training/expresser_start.h"
#include "core/training/expresser_task.h"
#include "core/training/trainer.h"

namespace {

using namespace sailer;

using ExpresserXPtr = Rcpp::XPtr<ExpresserModel>;

PassOptions pass_of(double token_budget) {
  PassOptions options;
  options.token_budget = static_cast<int64_t>(token_budget);
  return options;
}

// Returns what a pass found, and how many tokens it computed at once in the
// end.
Rcpp::List pass_to_r(const Rcpp::NumericVector& found,
                     const PassOptions& options) {
  return Rcpp::List::create(
      _["found"] = found,
      _["token_budget"] = static_cast<double>(options.token_budget));
}

}  // namespace

// Trains a model on a source whose features are the model's genes. `initial` is
// NULL or the parameters to start from; `run` is as in train_from_r().
// [[Rcpp::export]]
Rcpp::List core_expresser_train(SEXP source, Rcpp::List model_options,
                                Rcpp::List train_options, std::string device,
                                SEXP initial, Rcpp::List run,
                                Rcpp::RObject report) {
  return guarded([&] {
    const CellSourcePtr cells = unwrap_source(source);
    const ExpresserOptions options = expresser_options_from_r(model_options);
    const std::vector<int64_t> usable = usable_cells(*cells);
    const PretrainOptions train =
        training_options_from_r<PretrainOptions>(train_options)
            .resolve(n_of(usable), options);
    const Split split = split_cells(usable, train.validation,
                                    derive_seed(train.seed, kSplitStream));
    if (split.training.size() < 2) {
      throw_error(ErrorKind::kData,
                  "Fewer than 2 cells have at least 2 genes of the model: ",
                  usable.size(), " of ", cells->n_cells(),
                  " cells. A cell is informative only if one gene can be "
                  "predicted from another.");
    }
    ExpresserModel model(options, cells->n_features(), train.seed,
                         at::Device(device), at::kFloat,
                         mean_expression(*cells, split.training));
    Exchange* exchange = exchange_of(run);
    // If a run is resumed, only the first of several processes has the state.
    const bool begins = of_first(exchange, Rf_isNull(run["state"])) != 0;
    if (!Rf_isNull(initial)) {
      model.parameters().load_state(state_from_r(Rcpp::List(initial)));
    } else if (begins) {
      RMonitor silent;
      check_done(start_from_cells(model, cells, split.training, train.seed,
                                  silent.cancelled(), exchange));
    }
    ExpresserTask task(model, cells, split, train, exchange);
    RMonitor monitor(report);
    Rcpp::List progress;
    const TrainResult result =
        train_from_r(task, train.run(), run, monitor, progress, exchange);
    Rcpp::List out = outcome_to_r(result, split, progress);
    out.push_back(state_to_r(model.parameters().tensors()), "state");
    out.push_back(static_cast<double>(task.token_budget()), "token_budget");
    return out;
  });
}

// Creates a model from the parameters of a fit.
// [[Rcpp::export]]
SEXP core_expresser_model(Rcpp::List state, double n_genes,
                          Rcpp::List model_options, std::string device) {
  return guarded([&]() -> SEXP {
    auto model = std::make_unique<ExpresserModel>(
        expresser_options_from_r(model_options), static_cast<int64_t>(n_genes),
        uint64_t{0}, at::Device(device));
    model->parameters().load_state(state_from_r(state));
    return ExpresserXPtr(model.release(), true);
  });
}

// Returns, cells x n, the sum over the genes of each cell of log-normalised
// expression times the gene's weights (genes x n), plus the offsets.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_expression_scores(SEXP source,
                                           Rcpp::NumericMatrix weights,
                                           Rcpp::NumericVector offsets) {
  return guarded([&] {
    const CellSourcePtr cells = unwrap_source(source);
    if (weights.nrow() != cells->n_features() ||
        weights.ncol() != offsets.size()) {
      throw_error(ErrorKind::kArgument, "Weights are given for ",
                  weights.nrow(), " genes and ", weights.ncol(),
                  " scores, not for ", cells->n_features(), " and ",
                  offsets.size(), ".");
    }
    GeneWeights readout;
    readout.offsets.assign(offsets.begin(), offsets.end());
    for (int gene = 0; gene < weights.nrow(); ++gene) {
      for (const double weight : weights.row(gene)) {
        readout.weights.push_back(weight);
      }
    }
    RMonitor silent;
    const std::vector<float> found =
        expression_scores(cells, readout, silent.cancelled());
    const int64_t n = cells->n_cells(), width = offsets.size();
    check_done(n_of(found) == n * width);
    return matrix_to_r(found, n, width);
  });
}

// Returns list(found, token_budget): `found` has the mean of the contextual
// tokens of each cell of a source, cells x n_embedding. With `expression`, the
// tokens include how strongly each gene is expressed.
// [[Rcpp::export]]
Rcpp::List core_expresser_embed(SEXP model, SEXP source, bool expression,
                                double token_budget, Rcpp::RObject report) {
  return guarded([&] {
    const ExpresserXPtr held(model);
    const CellSourcePtr cells = unwrap_source(source);
    PassOptions options = pass_of(token_budget);
    RMonitor monitor(report);
    const std::vector<float> found =
        embed_expression(*held, *cells, expression, options, monitor);
    const int64_t n = cells->n_cells(), d = held->options().n_embedding;
    check_done(n_of(found) == n * d);
    return pass_to_r(matrix_to_r(found, n, d), options);
  });
}

// Returns list(found, token_budget): `found` has the mean of the contextual
// tokens of each of the model's genes over the cells of a source, genes x
// n_embedding; NaN for a gene that no cell has.
// [[Rcpp::export]]
Rcpp::List core_expresser_embed_genes(SEXP model, SEXP source,
                                      double token_budget,
                                      Rcpp::RObject report) {
  return guarded([&] {
    const ExpresserXPtr held(model);
    PassOptions options = pass_of(token_budget);
    RMonitor monitor(report);
    const std::vector<float> found =
        embed_genes(*held, *unwrap_source(source), options, monitor);
    const int64_t n = held->n_genes(), d = held->options().n_embedding;
    check_done(n_of(found) == n * d);
    return pass_to_r(matrix_to_r(found, n, d), options);
  });
}

// Returns list(found, token_budget): `found` has the expression of the
// requested genes. Those of cell i, as positions from 1, are
// genes[starts[i] + 1] ... genes[starts[i + 1]].
// [[Rcpp::export]]
Rcpp::List core_expresser_impute(SEXP model, SEXP source,
                                 Rcpp::NumericVector starts,
                                 Rcpp::IntegerVector genes, double token_budget,
                                 double n_passes, bool adapt,
                                 Rcpp::RObject report) {
  return guarded([&] {
    ExpresserXPtr held(model);
    const CellSourcePtr cells = unwrap_source(source);
    GeneQueries queries;
    queries.starts.assign(starts.begin(), starts.end());
    for (int gene : genes) queries.genes.push_back(gene - 1);
    PassOptions options = pass_of(token_budget);
    options.n_passes = static_cast<int64_t>(n_passes);
    options.adapt = adapt;
    RMonitor monitor(report);
    const std::vector<float> found =
        impute_expression(*held, *cells, queries, options, monitor);
    check_done(n_of(found) == genes.size());
    return pass_to_r(Rcpp::wrap(found), options);
  });
}

// Returns the normalised expression, genes x cells, of some genes (positions
// from 1) in all cells of a source whose features are the model's genes.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_log_normalized(SEXP source,
                                        Rcpp::IntegerVector genes) {
  return guarded([&] {
    const CellSourcePtr cells = unwrap_source(source);
    const std::vector<int64_t> places = places_from_r(genes);
    return Rcpp::NumericMatrix(genes.size(), static_cast<int>(cells->n_cells()),
                               log_normalized(*cells, places).begin());
  });
}

// Returns a text that distinguishes one source of counts from another, by its
// shape and the contents of some of its cells.
// [[Rcpp::export]]
std::string core_source_fingerprint(SEXP source) {
  return guarded(
      [&] { return std::to_string(fingerprint(*unwrap_source(source))); });
}
