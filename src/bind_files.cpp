// Bindings for counts in files.

#include <Rcpp.h>

#include <algorithm>
#include <limits>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "core/data/readers/h5ad_source.h"
#include "core/data/readers/hdf5_sources.h"
#include "core/data/readers/matrix_market.h"
#include "core/data/readers/opened_file.h"

namespace {

using namespace sailer;
using ReaderXPtr = Rcpp::XPtr<MatrixMarketReader>;

// Returns NULL if there are none.
Rcpp::RObject wrap_names(const std::vector<std::string>& names) {
  if (names.empty()) return R_NilValue;
  return texts_to_r(names);
}

Rcpp::List wrap_opened(const OpenedFile& opened) {
  return Rcpp::List::create(_["source"] = wrap_source(opened.source),
                            _["peaks"] = wrap_names(opened.features),
                            _["cells"] = wrap_names(opened.cells),
                            _["intervals"] = wrap_names(opened.intervals),
                            _["origin"] = opened.source->describe(),
                            _["layer"] = opened.matrix,
                            _["layers"] = wrap_names(opened.matrices));
}

// Sets missing values to NA.
template <typename Vector>
Vector with_missing(Vector values, const ObsColumn& column) {
  for (size_t k = 0; k < column.missing.size(); ++k) {
    if (column.missing[k] != 0) values[k] = Vector::get_na();
  }
  return values;
}

// Returns R's integers if all values fit, doubles otherwise.
Rcpp::RObject wrap_integers(const ObsColumn& column) {
  const auto fits = [](int64_t code) {
    return code <= std::numeric_limits<int>::max() &&
           code > std::numeric_limits<int>::min();
  };
  const auto begin = column.codes.begin(), end = column.codes.end();
  if (std::all_of(begin, end, fits)) {
    return with_missing(Rcpp::IntegerVector(begin, end), column);
  }
  return with_missing(Rcpp::NumericVector(begin, end), column);
}

Rcpp::RObject wrap_factor(const ObsColumn& column) {
  const Rcpp::IntegerVector codes(column.codes.begin(), column.codes.end());
  Rcpp::IntegerVector out =
      with_missing(Rcpp::IntegerVector(codes + 1), column);
  out.attr("levels") = texts_to_r(column.categories);
  out.attr("class") = column.ordered
                          ? Rcpp::CharacterVector::create("ordered", "factor")
                          : Rcpp::CharacterVector::create("factor");
  return out;
}

}  // namespace

// Returns "tenx", "h5ad" or "h5mu", depending on what is in the file.
// [[Rcpp::export]]
std::string core_file_layout(std::string path) {
  return guarded([&]() -> std::string {
    const FileLayout layout = detect_layout(path);
    return layout == FileLayout::kTenx   ? "tenx"
           : layout == FileLayout::kH5ad ? "h5ad"
                                         : "h5mu";
  });
}

// With group = "", finds the only one; with feature_type = "", keeps all
// features.
// [[Rcpp::export]]
Rcpp::List core_open_tenx(std::string path, std::string group,
                          std::string feature_type) {
  return guarded([&] {
    return wrap_opened(open_tenx(path, {group, feature_type}));
  });
}

// Opens a dense matrix, in which each row of the dataset is a cell.
// [[Rcpp::export]]
Rcpp::List core_open_dense(std::string path, std::string dataset) {
  return guarded([&] {
    const hdf5::File file(path);
    OpenedFile opened;
    opened.source = dense_hdf5_source(
        file, dataset, "the dense HDF5 file '" + file.name() + "'");
    return wrap_opened(opened);
  });
}

// With layer = "", finds the counts; modality is "" if the file has none.
// [[Rcpp::export]]
Rcpp::List core_open_h5ad(std::string path, std::string layer,
                          std::string modality, std::string feature_type) {
  return guarded([&] {
    return wrap_opened(open_h5ad(path, {layer, modality, feature_type}));
  });
}

// [[Rcpp::export]]
std::vector<std::string> core_modalities(std::string path) {
  return guarded([&] { return modalities(path); });
}

// [[Rcpp::export]]
std::vector<std::string> core_obs_columns(std::string path,
                                          std::string modality) {
  return guarded([&] { return obs_columns(path, modality); });
}

// [[Rcpp::export]]
std::vector<std::string> core_obsm_names(std::string path,
                                         std::string modality) {
  return guarded([&] { return obsm_names(path, modality); });
}

// Returns cells x dimensions.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_read_obsm(std::string path, std::string name,
                                   std::string modality) {
  return guarded([&] {
    const Coordinates read = read_obsm(path, name, modality);
    return matrix_to_r(read.values, read.n_cells, read.width);
  });
}

// Returns a character, numeric, integer or logical vector, or a factor.
// [[Rcpp::export]]
SEXP core_read_obs(std::string path, std::string column, std::string modality) {
  return guarded([&]() -> SEXP {
    const ObsColumn values = read_obs(path, column, modality);
    switch (values.kind) {
      case ObsColumn::Kind::kText:
        return with_missing(texts_to_r(values.texts), values);
      case ObsColumn::Kind::kNumber:
        return with_missing(
            Rcpp::NumericVector(values.numbers.begin(), values.numbers.end()),
            values);
      case ObsColumn::Kind::kInteger:
        return wrap_integers(values);
      case ObsColumn::Kind::kLogical:
        return with_missing(
            Rcpp::LogicalVector(values.codes.begin(), values.codes.end()),
            values);
      case ObsColumn::Kind::kCategorical:
        return wrap_factor(values);
    }
    return R_NilValue;
  });
}

// Counts in MatrixMarket files: R decompresses the file and passes its bytes on
// (R/cells-mtx.R).
//
// `map`: for every feature, its position among the `n_kept` that are read (NA:
// left out); empty for all. `any_order`: whether the entries need not be sorted
// by cell. `folder`: for a temporary file, as in core_cells_pack().
// [[Rcpp::export]]
SEXP core_market_begin(std::string file, double n_features, double n_cells,
                       Rcpp::IntegerVector map, double n_kept,
                       std::string description, bool counts, bool any_order,
                       std::string folder) {
  return guarded([&]() -> SEXP {
    StoreOptions store;
    store.description = std::move(description);
    store.folder = std::move(folder);
    if (counts) store.values = Packed::kCounts;
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

// Reads the next bytes. Returns FALSE if there is no point in reading on.
// [[Rcpp::export]]
bool core_market_add(SEXP reader, Rcpp::RawVector bytes) {
  return guarded([&] {
    return ReaderXPtr(reader)->add(reinterpret_cast<const char*>(bytes.begin()),
                                   bytes.size());
  });
}

// Returns list(in_order, source, problem): the source is NULL if the entries
// are not in order, or if `problem` describes the first count that cannot be
// used.
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
