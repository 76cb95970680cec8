// Door to the truncated SVD of the cells of a source.

#include <Rcpp.h>

#include <optional>
#include <string>
#include <vector>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/source.h"
#include "core/linear/cell_rows.h"
#include "core/linear/truncated_svd.h"

namespace sailer {
namespace {

SvdOptions svd_options_from_r(const Rcpp::List& values) {
  SvdOptions options;
  const auto take = [&](const char* name, auto& field) {
    if (!values.containsElementNamed(name)) return;
    field = static_cast<std::decay_t<decltype(field)>>(
        Rcpp::as<double>(values[name]));
  };
  take("n_components", options.n_components);
  take("oversampling", options.oversampling);
  take("power_iterations", options.power_iterations);
  take("center", options.center);
  take("seed", options.seed);
  return options;
}

// NULL: all cells.
std::vector<uint8_t> taken_from_r(const Rcpp::RObject& taken) {
  std::vector<uint8_t> out;
  if (taken.isNULL()) return out;
  for (const int flag : Rcpp::LogicalVector(taken)) {
    out.push_back(flag == TRUE);
  }
  return out;
}

// `frequency`: NULL for expression; else the number of cells in which each
// column is open, of those that are taken.
RowPass rows_from_r(CellRows cells, const Rcpp::RObject& frequency) {
  if (frequency.isNULL()) return expression_rows(std::move(cells));
  const Rcpp::NumericVector counts(frequency);
  const std::vector<float> weights = inverse_document_frequency(
      std::vector<int64_t>(counts.begin(), counts.end()), cells.n_rows());
  return accessibility_rows(std::move(cells), weights);
}

Rcpp::List svd_to_r(const TruncatedSvd& svd, int64_t n_columns) {
  return Rcpp::List::create(
      Rcpp::Named("loadings") =
          matrix_to_r(svd.loadings, n_columns,
                      static_cast<int64_t>(svd.singular_values.size())),
      Rcpp::Named("d") = Rcpp::wrap(svd.singular_values),
      Rcpp::Named("means") = Rcpp::wrap(svd.column_means),
      Rcpp::Named("n_rows") = static_cast<double>(svd.n_rows));
}

}  // namespace
}  // namespace sailer

// `map`: for every feature of the source its column, or NA. `frequency`: cells
// in which each column is open, and the rows are those of TF-IDF, of length 1;
// or NULL for log-normalised expression. `taken`: NULL or a flag for each cell.
// Returns list(loadings, d, means, n_rows).
// [[Rcpp::export]]
Rcpp::List core_truncated_svd(SEXP source, Rcpp::IntegerVector map,
                              double n_columns, Rcpp::RObject frequency,
                              Rcpp::RObject taken, Rcpp::List options) {
  bool stopped = false;
  Rcpp::List out = sailer::guarded([&]() -> Rcpp::List {
    sailer::RMonitor monitor(R_NilValue);
    sailer::Progress progress;
    progress.n_cells = 1;
    sailer::CellRows cells;
    cells.source = sailer::unwrap_source(source);
    cells.map = sailer::peak_map_from_r(map);
    cells.n_columns = static_cast<int64_t>(n_columns);
    cells.taken = sailer::taken_from_r(taken);
    cells.cancelled = [&] { return !monitor.keep_going(progress); };
    const int64_t width = cells.n_columns;
    const std::optional<sailer::TruncatedSvd> svd =
        sailer::truncated_svd(sailer::rows_from_r(std::move(cells), frequency),
                              width, sailer::svd_options_from_r(options));
    stopped = !svd.has_value();
    return stopped ? Rcpp::List() : sailer::svd_to_r(*svd, width);
  });
  if (stopped) throw Rcpp::internal::InterruptedException();
  return out;
}
