// Binding of counts in MatrixMarket files. R unpacks the file and hands over
// its bytes (R/cells-mtx.R).

#include <Rcpp.h>

#include <utility>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "core/data/readers/matrix_market.h"

namespace {

using namespace sailer;
using ReaderXPtr = Rcpp::XPtr<MatrixMarketReader>;

}  // namespace

// `map`: for every feature its place among the `n_kept` that are read (NA: left
// out); empty for all. `any_order`: whether the entries need not be sorted by
// cells. `folder`: for a temporary file, as core_cells_pack() takes it.
// [[Rcpp::export]]
SEXP core_market_begin(std::string file, double n_features, double n_cells,
                       Rcpp::IntegerVector map, double n_kept,
                       std::string description, bool counts, bool any_order,
                       std::string folder) {
  return guarded([&]() -> SEXP {
    StoreOptions store;
    store.description = std::move(description);
    store.folder = std::move(folder);
    if (counts) store.values = packed::BlockMaker::Values::kKept;
    MatrixMarketReader::Layout layout;
    layout.n_features = static_cast<int64_t>(n_features);
    layout.n_cells = static_cast<int64_t>(n_cells);
    layout.map = feature_map_from_r(map);
    layout.n_kept = static_cast<int64_t>(n_kept);
    return ReaderXPtr(
        new MatrixMarketReader(std::move(file), std::move(layout),
                               any_order ? MatrixMarketReader::Order::kAny
                                         : MatrixMarketReader::Order::kByCells,
                               store),
        true);
  });
}

// TRUE to go on with the next bytes.
// [[Rcpp::export]]
bool core_market_add(SEXP reader, Rcpp::RawVector bytes) {
  return guarded([&] {
    return ReaderXPtr(reader)->add(reinterpret_cast<const char*>(bytes.begin()),
                                   bytes.size());
  });
}

// list(in_order, source, problem): without a source when the entries are not in
// order, or the problem with the first count that cannot be used.
// [[Rcpp::export]]
Rcpp::List core_market_finish(SEXP reader) {
  return guarded([&] {
    ReaderXPtr held(reader);
    CellSourcePtr source;
    if (held->in_order() && !held->problem()) source = held->finish();
    return Rcpp::List::create(_["in_order"] = held->in_order(),
                              _["source"] = wrap_source(source),
                              _["problem"] = wrap_problem(held->problem()));
  });
}
