// Bindings of counts in HDF5 files.

#include <Rcpp.h>

#include <limits>
#include <string>
#include <vector>

#include "bindings/errors.h"
#include "bindings/source.h"
#include "core/data/readers/dense_hdf5_source.h"
#include "core/data/readers/h5ad_source.h"
#include "core/data/readers/hdf5.h"
#include "core/data/readers/tenx_source.h"

namespace {

// NULL when there are none. Text in HDF5 is UTF-8 (or plain ASCII).
SEXP wrap_names(const std::vector<std::string>& names) {
  if (names.empty()) return R_NilValue;
  Rcpp::CharacterVector result(names.size());
  for (size_t k = 0; k < names.size(); ++k) {
    result[k] = Rf_mkCharLenCE(names[k].data(),
                               static_cast<int>(names[k].size()), CE_UTF8);
  }
  return result;
}

Rcpp::List wrap_opened(sailer::OpenedFile opened) {
  const std::string origin = opened.source->describe();
  return Rcpp::List::create(
      Rcpp::Named("source") = sailer::wrap_source(std::move(opened.source)),
      Rcpp::Named("peaks") = wrap_names(opened.features),
      Rcpp::Named("cells") = wrap_names(opened.cells),
      Rcpp::Named("intervals") = wrap_names(opened.intervals),
      Rcpp::Named("origin") = origin, Rcpp::Named("layer") = opened.matrix,
      Rcpp::Named("layers") = wrap_names(opened.matrices));
}

bool is_missing(const sailer::ObsColumn& column, size_t row) {
  return !column.missing.empty() && column.missing[row] != 0;
}

SEXP wrap_texts(const sailer::ObsColumn& column) {
  Rcpp::CharacterVector result(wrap_names(column.texts));
  for (size_t k = 0; k < column.texts.size(); ++k) {
    if (is_missing(column, k)) result[k] = NA_STRING;
  }
  return result;
}

SEXP wrap_numbers(const sailer::ObsColumn& column) {
  Rcpp::NumericVector result(column.numbers.begin(), column.numbers.end());
  for (size_t k = 0; k < column.numbers.size(); ++k) {
    if (is_missing(column, k)) result[k] = NA_REAL;
  }
  return result;
}

// R's integers where all values fit, doubles otherwise.
SEXP wrap_integers(const sailer::ObsColumn& column) {
  bool fits = true;
  for (int64_t code : column.codes) {
    fits = fits && code <= std::numeric_limits<int>::max() &&
           code > std::numeric_limits<int>::min();
  }
  if (!fits) {
    Rcpp::NumericVector wide(column.codes.begin(), column.codes.end());
    for (size_t k = 0; k < column.codes.size(); ++k) {
      if (is_missing(column, k)) wide[k] = NA_REAL;
    }
    return wide;
  }
  Rcpp::IntegerVector result(column.codes.begin(), column.codes.end());
  for (size_t k = 0; k < column.codes.size(); ++k) {
    if (is_missing(column, k)) result[k] = NA_INTEGER;
  }
  return result;
}

SEXP wrap_logical(const sailer::ObsColumn& column) {
  Rcpp::LogicalVector result(column.codes.size());
  for (size_t k = 0; k < column.codes.size(); ++k) {
    result[k] = is_missing(column, k) ? NA_LOGICAL : column.codes[k] != 0;
  }
  return result;
}

SEXP wrap_factor(const sailer::ObsColumn& column) {
  Rcpp::IntegerVector result(column.codes.size());
  for (size_t k = 0; k < column.codes.size(); ++k) {
    result[k] = is_missing(column, k) ? NA_INTEGER
                                      : static_cast<int>(column.codes[k]) + 1;
  }
  result.attr("levels") =
      column.categories.empty()
          ? Rcpp::CharacterVector(0)
          : Rcpp::CharacterVector(wrap_names(column.categories));
  result.attr("class") =
      column.ordered ? Rcpp::CharacterVector::create("ordered", "factor")
                     : Rcpp::CharacterVector::create("factor");
  return result;
}

}  // namespace

// "tenx", "h5ad" or "h5mu", by what is in the file.
// [[Rcpp::export]]
std::string core_file_layout(std::string path) {
  return sailer::guarded([&]() -> std::string {
    switch (sailer::detect_layout(path)) {
      case sailer::FileLayout::kTenx:
        return "tenx";
      case sailer::FileLayout::kH5ad:
        return "h5ad";
      case sailer::FileLayout::kMudata:
        return "h5mu";
    }
    return "";
  });
}

// group "" finds the only one; feature_type "" keeps all features.
// [[Rcpp::export]]
Rcpp::List core_open_tenx(std::string path, std::string group,
                          std::string feature_type) {
  return sailer::guarded([&] {
    return wrap_opened(sailer::open_tenx(path, {group, feature_type}));
  });
}

// A dense matrix, a row of the dataset for each cell.
// [[Rcpp::export]]
Rcpp::List core_open_dense(std::string path, std::string dataset) {
  return sailer::guarded([&] {
    const sailer::hdf5::File file(path);
    sailer::OpenedFile opened;
    opened.source = std::make_shared<sailer::DenseHdf5Source>(
        file, dataset, "the dense HDF5 file '" + file.name() + "'");
    return wrap_opened(opened);
  });
}

// layer "" finds the counts; modality "" where there are none.
// [[Rcpp::export]]
Rcpp::List core_open_h5ad(std::string path, std::string layer,
                          std::string modality, std::string feature_type) {
  return sailer::guarded([&] {
    return wrap_opened(
        sailer::open_h5ad(path, {layer, modality, feature_type}));
  });
}

// [[Rcpp::export]]
std::vector<std::string> core_modalities(std::string path) {
  return sailer::guarded([&] { return sailer::modalities(path); });
}

// [[Rcpp::export]]
std::vector<std::string> core_obs_columns(std::string path,
                                          std::string modality) {
  return sailer::guarded([&] { return sailer::obs_columns(path, modality); });
}

// [[Rcpp::export]]
std::vector<std::string> core_obsm_names(std::string path,
                                         std::string modality) {
  return sailer::guarded([&] { return sailer::obsm_names(path, modality); });
}

// Cells x dimensions.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_read_obsm(std::string path, std::string name,
                                   std::string modality) {
  return sailer::guarded([&] {
    const sailer::Coordinates read = sailer::read_obsm(path, name, modality);
    Rcpp::NumericMatrix result(static_cast<int>(read.n_cells),
                               static_cast<int>(read.width));
    for (int64_t cell = 0; cell < read.n_cells; ++cell) {
      for (int64_t k = 0; k < read.width; ++k) {
        result(cell, k) = read.values[cell * read.width + k];
      }
    }
    return result;
  });
}

// A character, numeric, integer or logical vector, or a factor.
// [[Rcpp::export]]
SEXP core_read_obs(std::string path, std::string column, std::string modality) {
  return sailer::guarded([&]() -> SEXP {
    const sailer::ObsColumn values = sailer::read_obs(path, column, modality);
    switch (values.kind) {
      case sailer::ObsColumn::Kind::kText:
        return wrap_texts(values);
      case sailer::ObsColumn::Kind::kNumber:
        return wrap_numbers(values);
      case sailer::ObsColumn::Kind::kInteger:
        return wrap_integers(values);
      case sailer::ObsColumn::Kind::kLogical:
        return wrap_logical(values);
      case sailer::ObsColumn::Kind::kCategorical:
        return wrap_factor(values);
    }
    return R_NilValue;
  });
}
