// Bindings for readers of cells in memory, and for the pass over their counts.
// Those that open files are in bind_files.cpp.

#include <Rcpp.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "core/data/readers/sources.h"
#include "core/data/store/scan.h"

namespace {

using namespace sailer;

using WriterXPtr = Rcpp::XPtr<StoreWriter>;

StoreOptions store_options(bool counts, std::string folder) {
  StoreOptions options;
  if (counts) options.values = Packed::kCounts;
  options.folder = std::move(folder);
  return options;
}

// Returns the slots of a dgCMatrix, in which the entries of a cell must be in
// ascending order.
Rcpp::List wrap_rows(SparseRows& rows) {
  require(rows.offsets.back() <= std::numeric_limits<int>::max(),
          "This block has more non-zeros than a dgCMatrix can hold; request "
          "fewer cells.");
  merge_features(0, rows);  // sorts the entries
  using Rcpp::IntegerVector;
  return Rcpp::List::create(
      _["i"] = IntegerVector(rows.indices.begin(), rows.indices.end()),
      _["p"] = IntegerVector(rows.offsets.begin(), rows.offsets.end()),
      _["x"] = Rcpp::NumericVector(rows.values.begin(), rows.values.end()));
}

GroupCounts group_counts_from_r(const Rcpp::RObject& given) {
  GroupCounts out;
  if (given.isNULL()) return out;
  const Rcpp::List groups(given);
  for (const int code : Rcpp::IntegerVector(groups["group"])) {
    out.group.push_back(code - 1);
  }
  out.row = feature_map_from_r(groups["row"]);
  out.n_groups = Rcpp::as<int>(groups["n_groups"]);
  out.cells.assign(Rcpp::as<size_t>(groups["n_rows"]) * out.n_groups, 0);
  return out;
}

Rcpp::RObject group_cells_to_r(const GroupCounts& groups) {
  if (groups.n_groups == 0) return R_NilValue;
  return Rcpp::IntegerMatrix(
      groups.n_groups, static_cast<int>(groups.cells.size()) / groups.n_groups,
      groups.cells.begin());
}

}  // namespace

// Creates a source from the slots of a dgCMatrix, or of an ngCMatrix (`x` is
// then NULL); `dims` is its slot Dim.
// [[Rcpp::export]]
SEXP core_cells_from_matrix(Rcpp::IntegerVector i, Rcpp::IntegerVector p,
                            Rcpp::RObject x, Rcpp::IntegerVector dims,
                            std::string description) {
  return guarded([&]() -> SEXP {
    if (p.size() != int64_t{dims[1]} + 1 ||
        (!x.isNULL() && Rf_xlength(x) != i.size())) {
      throw_error(ErrorKind::kData, description,
                  " is broken: the lengths of its slots 'p', 'i' and "
                  "'x' do not agree.");
    }
    const MatrixView view{p.begin(), i.begin(), x.isNULL() ? nullptr : REAL(x),
                          dims[0],   dims[1],   i.size()};
    // Keeps the vectors alive that the view points into.
    auto owner = std::make_shared<Rcpp::List>(Rcpp::List::create(i, p, x));
    return wrap_source(
        matrix_source(view, std::move(owner), std::move(description)));
  });
}

// Begins to pack cells. `counts`: TRUE keeps the counts, which may be
// fractions; FALSE keeps only which features are open. `folder`: for a
// temporary file, if the cells need one.
// [[Rcpp::export]]
SEXP core_cells_pack(double n_features, std::string description, bool counts,
                     std::string folder) {
  return guarded([&]() -> SEXP {
    StoreOptions options = store_options(counts, std::move(folder));
    options.description = std::move(description);
    return WriterXPtr(
        new StoreWriter(static_cast<int64_t>(n_features), options), true);
  });
}

// Returns the cells that were appended.
// [[Rcpp::export]]
SEXP core_cells_packed(SEXP writer) {
  return guarded([&] { return wrap_source(WriterXPtr(writer)->finish()); });
}

// Appends the columns of a dgCMatrix. Returns NULL, or the first bad count.
// [[Rcpp::export]]
Rcpp::RObject core_cells_pack_sparse(SEXP writer, Rcpp::IntegerVector i,
                                     Rcpp::IntegerVector p,
                                     Rcpp::NumericVector x) {
  return guarded([&]() -> Rcpp::RObject {
    SparseRows rows;
    rows.indices.assign(i.begin(), i.end());
    rows.values.assign(x.begin(), x.end());
    rows.offsets.assign(p.begin(), p.end());
    return wrap_problem(WriterXPtr(writer)->append(std::move(rows)));
  });
}

// Appends the columns of a dense matrix. Returns NULL, or the first bad count.
// [[Rcpp::export]]
Rcpp::RObject core_cells_pack_dense(SEXP writer, Rcpp::NumericMatrix counts) {
  return guarded([&]() -> Rcpp::RObject {
    SparseRows rows;
    const double* at = counts.begin();
    for (int cell = 0; cell < counts.ncol(); ++cell) {
      for (int32_t feature = 0; feature < counts.nrow(); ++feature, ++at) {
        if (*at == 0) continue;
        rows.indices.push_back(feature);
        rows.values.push_back(static_cast<float>(*at));
      }
      rows.offsets.push_back(n_of(rows.indices));
    }
    return wrap_problem(WriterXPtr(writer)->append(std::move(rows)));
  });
}

// Concatenates the cells of several sources. maps[[k]] is NULL or has, for
// every feature of sources[[k]], its position among n_features (NA: dropped).
// [[Rcpp::export]]
SEXP core_cells_concat(Rcpp::List sources, Rcpp::List maps, double n_features) {
  return guarded([&]() -> SEXP {
    std::vector<ConcatPart> parts;
    for (R_xlen_t k = 0; k < sources.size(); ++k) {
      parts.push_back({unwrap_source(sources[k]), feature_map_from_r(maps[k])});
    }
    return wrap_source(
        concat_sources(std::move(parts), static_cast<int64_t>(n_features)));
  });
}

// Chooses cells and features. `cells`: NULL for all. `map`: as in
// core_cells_concat().
// [[Rcpp::export]]
SEXP core_cells_subset(SEXP source, Rcpp::RObject cells, Rcpp::RObject map,
                       double n_features) {
  return guarded([&]() -> SEXP {
    Subset subset;
    subset.all_cells = cells.isNULL();
    if (!subset.all_cells) {
      subset.cells = places_from_r(Rcpp::NumericVector(cells));
    }
    subset.map = feature_map_from_r(map);
    subset.n_features = static_cast<int64_t>(n_features);
    return wrap_source(choose(unwrap_source(source), std::move(subset)));
  });
}

// FALSE for a pointer that went through saveRDS() or to another process.
// [[Rcpp::export]]
bool core_cells_alive(SEXP source) { return is_alive(source); }

// Returns the numbers of features and of cells, as dim() does.
// [[Rcpp::export]]
std::vector<int64_t> core_cells_dim(SEXP source) {
  return guarded([&]() -> std::vector<int64_t> {
    const CellSourcePtr cells = unwrap_source(source);
    return {cells->n_features(), cells->n_cells()};
  });
}

// Counts open features. `groups`: NULL, or list(group = group of each cell,
// from 1, n_groups, row = row of each feature, from 1, or NA, n_rows) of what
// to count by group; `group_cells` of the result is then groups x rows.
// `folder`: NULL, or the folder for a temporary file; the same pass then packs
// the cells, and `store` of the result is what training reads. With
// `fractional`, counts may be fractions and the store has counts.
// [[Rcpp::export]]
Rcpp::List core_scan(SEXP source, bool fractional = false,
                     Rcpp::RObject groups = R_NilValue,
                     Rcpp::RObject folder = R_NilValue) {
  return guarded([&] {
    RMonitor monitor;
    GroupCounts counts = group_counts_from_r(groups);
    StoreOptions store;
    ScanOptions options;
    options.cancelled = monitor.cancelled();
    options.fractions = fractional;
    if (!groups.isNULL()) options.groups = &counts;
    if (!folder.isNULL()) {
      store = store_options(fractional, Rcpp::as<std::string>(folder));
      options.store = &store;
    }
    const ScanResult result = scan(unwrap_source(source), options);
    check_done(!result.cancelled);
    return Rcpp::List::create(
        _["depth"] = result.depth, _["peak_cells"] = result.feature_cells,
        _["n_nonzeros"] = result.n_nonzeros,
        _["problem"] = wrap_problem(result.problem),
        _["n_empty"] = result.n_empty,
        _["empty_cells"] = places_to_r(result.empty_cells),
        _["group_cells"] = group_cells_to_r(counts),
        _["store"] = wrap_source(result.store));
  });
}

// Returns, for each cell, the number of open features among those with keep =
// TRUE.
// [[Rcpp::export]]
std::vector<int> core_depth_within(SEXP source, Rcpp::LogicalVector keep) {
  return guarded([&] {
    RMonitor monitor;
    const std::vector<uint8_t> mask(keep.begin(), keep.end());
    const CellSourcePtr cells = unwrap_source(source);
    auto depth = depth_within(*cells, mask, monitor.cancelled());
    check_done(n_of(depth) == cells->n_cells());
    return depth;
  });
}

// Returns the sum of the counts of each cell.
// [[Rcpp::export]]
std::vector<double> core_cell_totals(SEXP source) {
  return guarded([&] {
    RMonitor monitor;
    const CellSourcePtr cells = unwrap_source(source);
    auto totals = cell_totals(*cells, monitor.cancelled());
    check_done(n_of(totals) == cells->n_cells());
    return totals;
  });
}

// Returns the slots i, p and x of a dgCMatrix, features x cells, of the
// requested cells, in any order and with repeats allowed.
// [[Rcpp::export]]
Rcpp::List core_cells_block(SEXP source, Rcpp::NumericVector cells) {
  return guarded([&] {
    SparseRows rows;
    const std::vector<int64_t> places = places_from_r(cells);
    unwrap_source(source)->read_cells(places.data(), n_of(places), rows);
    return wrap_rows(rows);
  });
}
