// Door to the Expresser: pretraining, models made again from their parameters,
// embeddings and imputation.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/options.h"
#include "bindings/source.h"
#include "bindings/states.h"
#include "bindings/training.h"
#include "core/models/expresser_model.h"
#include "core/support/shuffle.h"
#include "core/training/expresser_passes.h"
#include "core/training/expresser_start.h"
#include "core/training/expresser_task.h"
#include "core/training/trainer.h"

namespace sailer {
namespace {

using ExpresserXPtr = Rcpp::XPtr<ExpresserModel>;

// Cells with at least 2 entries: one to observe and one to mask.
std::vector<int64_t> usable_cells(const CellSource& source) {
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < source.n_cells(); ++i) {
    if (source.n_entries(i, 1) >= 2) cells.push_back(i);
  }
  return cells;
}

// split_cells() counts from 0 on: places among `cells` become these cells.
Split split_of(const std::vector<int64_t>& cells, double share, uint64_t seed) {
  Split split = split_cells(static_cast<int64_t>(cells.size()), share, seed);
  for (int64_t& cell : split.training) cell = cells[cell];
  for (int64_t& cell : split.validation) cell = cells[cell];
  return split;
}

RunOptions run_options_of(const PretrainOptions& options) {
  RunOptions run;
  run.epochs = options.epochs;
  run.patience = options.patience;
  run.weight_decay = options.weight_decay;
  run.engine = options.compute.engine;
  run.clip_norm = options.clip;
  return run;
}

}  // namespace
}  // namespace sailer

// Trains a model on a source whose features are the model's genes. `initial` is
// NULL or the parameters to begin with; `run` as core_sailer_train() takes it.
// [[Rcpp::export]]
Rcpp::List core_expresser_train(SEXP source, Rcpp::List model_options,
                                Rcpp::List train_options, std::string device,
                                SEXP initial, Rcpp::List run,
                                Rcpp::RObject report) {
  using namespace sailer;
  return guarded([&] {
    const CellSourcePtr cells = unwrap_source(source);
    const ExpresserOptions options = expresser_options_from_r(model_options);
    const std::vector<int64_t> usable = usable_cells(*cells);
    const PretrainOptions train =
        training_options_from_r<PretrainOptions>(train_options)
            .resolve(static_cast<int64_t>(usable.size()), options.n_embedding,
                     at::Device(device).is_cpu());
    const Split split = split_of(usable, train.validation,
                                 derive_seed(train.seed, kSplitStream));
    if (split.training.size() < 2) {
      throw Error(ErrorKind::kData,
                  "Fewer than 2 cells have at least 2 genes of the model: " +
                      std::to_string(usable.size()) + " of " +
                      std::to_string(cells->n_cells()) +
                      " cells. A cell tells something when one gene can be "
                      "predicted from another.");
    }
    ExpresserModel model(options, cells->n_features(), train.seed,
                         at::Device(device), at::kFloat,
                         mean_expression(*cells, split.training));
    if (!Rf_isNull(initial)) {
      model.parameters().load_state(state_from_r(Rcpp::List(initial)));
    } else if (Rf_isNull(run["state"])) {
      RMonitor silent(R_NilValue);
      if (!start_from_cells(model, cells, split.training, train.seed,
                            [&] { return !silent.keep_going({}); })) {
        throw Rcpp::internal::InterruptedException();
      }
    }
    Exchange* exchange = exchange_of(run);
    ExpresserTask task(model, cells, split, train, shard_of(exchange));
    RMonitor monitor(report);
    Rcpp::List progress;
    const TrainResult result = train_from_r(task, run_options_of(train), run,
                                            monitor, progress, exchange);
    Rcpp::List out = outcome_to_r(result, split, progress);
    out.push_back(state_to_r(model.parameters().tensors()), "state");
    return out;
  });
}

// Makes a model from the parameters of a fit.
// [[Rcpp::export]]
SEXP core_expresser_model(Rcpp::List state, double n_genes,
                          Rcpp::List model_options, std::string device) {
  using namespace sailer;
  return guarded([&]() -> SEXP {
    auto model = std::make_unique<ExpresserModel>(
        expresser_options_from_r(model_options), static_cast<int64_t>(n_genes),
        uint64_t{0}, at::Device(device));
    model->parameters().load_state(state_from_r(state));
    return ExpresserXPtr(model.release(), true);
  });
}

namespace sailer {
namespace {

// Rows x n_embedding that embed(model, cells, options, monitor) makes of a
// source's cells.
template <typename Embed>
Rcpp::NumericMatrix embedded(SEXP model, SEXP source, double token_budget,
                             const Rcpp::RObject& report, const Embed& embed) {
  return guarded([&] {
    ExpresserXPtr held(model);
    const CellSourcePtr cells = unwrap_source(source);
    PassOptions options;
    options.token_budget = static_cast<int64_t>(token_budget);
    RMonitor monitor(report);
    const int64_t d = held->options().n_embedding;
    const auto [n_rows, found] = embed(*held, *cells, options, monitor);
    if (found.empty() && n_rows > 0) {
      throw Rcpp::internal::InterruptedException();
    }
    return matrix_to_r(found, n_rows, d);
  });
}

}  // namespace
}  // namespace sailer

// Means of the contextual tokens of a source's cells, cells x n_embedding;
// `expression`: they know how much there is of each gene.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_expresser_embed(SEXP model, SEXP source,
                                         bool expression, double token_budget,
                                         Rcpp::RObject report) {
  using namespace sailer;
  return embedded(model, source, token_budget, report,
                  [&](const ExpresserModel& of, CellSource& cells,
                      const PassOptions& options, Monitor& monitor) {
                    return std::make_pair(
                        cells.n_cells(), embed_expression(of, cells, expression,
                                                          options, monitor));
                  });
}

// Means of the contextual tokens of the model's genes over a source's cells,
// genes x n_embedding; NaN for a gene that no cell has.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_expresser_embed_genes(SEXP model, SEXP source,
                                               double token_budget,
                                               Rcpp::RObject report) {
  using namespace sailer;
  return embedded(model, source, token_budget, report,
                  [](const ExpresserModel& of, CellSource& cells,
                     const PassOptions& options, Monitor& monitor) {
                    return std::make_pair(
                        of.n_genes(), embed_genes(of, cells, options, monitor));
                  });
}

// Expressions of the genes that are asked for: those of cell i are
// genes[starts[i] + 1] ... genes[starts[i + 1]], places from 1.
// [[Rcpp::export]]
Rcpp::NumericVector core_expresser_impute(SEXP model, SEXP source,
                                          Rcpp::NumericVector starts,
                                          Rcpp::IntegerVector genes,
                                          double token_budget, double n_passes,
                                          bool adapt, Rcpp::RObject report) {
  using namespace sailer;
  return guarded([&] {
    ExpresserXPtr held(model);
    const CellSourcePtr cells = unwrap_source(source);
    GeneQueries queries;
    queries.starts.assign(starts.begin(), starts.end());
    queries.genes.reserve(static_cast<size_t>(genes.size()));
    for (int gene : genes) queries.genes.push_back(gene - 1);
    PassOptions options;
    options.token_budget = static_cast<int64_t>(token_budget);
    options.n_passes = static_cast<int64_t>(n_passes);
    options.adapt = adapt;
    RMonitor monitor(report);
    const std::vector<float> found =
        impute_expression(*held, *cells, queries, options, monitor);
    if (found.empty() && genes.size() > 0) {
      throw Rcpp::internal::InterruptedException();
    }
    return Rcpp::NumericVector(found.begin(), found.end());
  });
}

// Normalised expression of some genes (places from 1) in all cells of a source
// whose features are the model's genes: genes x cells.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_log_normalized(SEXP source,
                                        Rcpp::IntegerVector genes) {
  using namespace sailer;
  return guarded([&] {
    const CellSourcePtr cells = unwrap_source(source);
    std::vector<int> row_of(static_cast<size_t>(cells->n_features()), -1);
    for (int k = 0; k < genes.size(); ++k) row_of[genes[k] - 1] = k;
    const auto n_cells = static_cast<int>(cells->n_cells());
    Rcpp::NumericMatrix out(genes.size(), n_cells);
    SparseRows rows;
    NormalizedCell cell;
    for (int i = 0; i < n_cells; ++i) {
      rows.clear();
      cells->read(i, 1, rows);
      normalize_cell(rows, 0, cell);
      for (size_t k = 0; k < cell.genes.size(); ++k) {
        const int row = row_of[cell.genes[k]];
        if (row >= 0) out(row, i) = cell.values[k];
      }
    }
    return out;
  });
}

// A text that tells one source of counts from another: its shape, and what some
// of its cells hold.
// [[Rcpp::export]]
std::string core_source_fingerprint(SEXP source) {
  using namespace sailer;
  return guarded([&] {
    constexpr int64_t kCells = 100;
    const CellSourcePtr cells = unwrap_source(source);
    const int64_t n = cells->n_cells();
    uint64_t hash = derive_seed(static_cast<uint64_t>(n),
                                static_cast<uint64_t>(cells->n_features()));
    SparseRows rows;
    for (int64_t k = 0; k < std::min(n, kCells); ++k) {
      rows.clear();
      cells->read(n <= kCells ? k : k * (n - 1) / (kCells - 1), 1, rows);
      uint64_t cell = 0;
      for (size_t e = 0; e < rows.indices.size(); ++e) {
        if (rows.values[e] == 0) continue;
        cell += derive_seed(static_cast<uint64_t>(rows.indices[e]),
                            static_cast<uint64_t>(rows.values[e]));
      }
      hash = derive_seed(hash, cell);
    }
    return std::to_string(hash);
  });
}
