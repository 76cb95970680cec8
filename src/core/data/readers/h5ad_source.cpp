#include "h5ad_source.h"

#include <algorithm>
#include <utility>

#include "../../support/error.h"
#include "count_check.h"
#include "h5ad_layout.h"
#include "hdf5_sources.h"

namespace sailer {

namespace {

using hdf5::Dataset;
using hdf5::File;

// A matrix of cells x features.
struct H5adMatrix {
  std::string name;  // "X", "raw", or name of a layer
  std::string path;  // in the file
  std::string var;   // table of its features, in the file
};

using Matrices = std::vector<H5adMatrix>;

// Number of values inspected to tell counts from transformed values.
constexpr int64_t kLookedAt = 1 << 16;

std::vector<float> first_values(const File& file, const std::string& path) {
  const bool dense = file.is_dataset(path);
  const std::string name = dense ? path : path + "/data";
  if (!file.is_dataset(name)) return {};
  const Dataset dataset = file.dataset(name);
  hdf5::Extent some = dataset.shape();
  if (some.size() != (dense ? 2 : 1) || !dataset.holds_numbers()) return {};
  int64_t left = kLookedAt;
  for (size_t d = some.size(); d-- > 0; left /= std::max<int64_t>(1, some[d])) {
    some[d] = std::min(some[d], left);
  }
  std::vector<float> values(some.front() * (dense ? some.back() : 1));
  dataset.read(hdf5::Extent(some.size(), 0), some, values.data());
  return values;
}

// Returns whether the first values are counts, some of them above zero.
bool holds_counts(const File& file, const H5adMatrix& matrix) {
  double sum = 0;
  for (const float value : first_values(file, matrix.path)) {
    if (judge_count(whole_count(value)) != CountProblem::Kind::kNone) {
      return false;
    }
    sum += value;
  }
  return sum > 0;
}

std::vector<std::string> names_of(const Matrices& matrices) {
  std::vector<std::string> names;
  for (const H5adMatrix& matrix : matrices) names.push_back(matrix.name);
  return names;
}

const H5adMatrix* find(const Matrices& matrices, const std::string& name) {
  for (const H5adMatrix& matrix : matrices) {
    if (matrix.name == name) return &matrix;
  }
  return nullptr;
}

// `holding`: the matrices that hold counts, which are several or none.
[[noreturn]] void fail_to_choose(const File& file, const Matrices& all,
                                 const Matrices& holding) {
  file.check(!all.empty(),
             "holds no counts: it has neither X, nor raw counts, nor layers");
  file.check(!holding.empty(), "has no X, and no counts (whole numbers) in ",
             quoted_list(names_of(all)),
             ". Choose one with 'layer' to read it anyway");
  throw_error(ErrorKind::kArgument, "The file '", file.path(),
              "' has no counts in X, but in several other matrices; choose one "
              "with 'layer': ",
              quoted_list(names_of(holding)), ".");
}

H5adMatrix choose_unasked(const File& file, const Matrices& matrices) {
  const H5adMatrix* x = find(matrices, "X");
  if (x != nullptr && (matrices.size() == 1 || holds_counts(file, *x))) {
    return *x;
  }
  Matrices holding;
  for (const H5adMatrix& matrix : matrices) {
    if (&matrix != x && holds_counts(file, matrix)) holding.push_back(matrix);
  }
  for (const char* usual : {"counts", "raw"}) {
    if (const H5adMatrix* found = find(holding, usual)) return *found;
  }
  if (holding.size() == 1) return holding[0];
  if (holding.empty() && x != nullptr) return *x;
  fail_to_choose(file, matrices, holding);
}

// Returns those of X, the layers and AnnData's raw counts (raw/X; raw.X before
// 0.7) that exist. A layer that is itself called "raw" replaces the raw counts.
Matrices matrices_in(const File& file, const std::string& prefix) {
  Matrices matrices;
  const std::string var = prefix + "var";
  if (file.has(prefix + "X")) matrices.push_back({"X", prefix + "X", var});
  const std::string layers = prefix + "layers";
  if (file.is_group(layers)) {
    for (const std::string& name : file.children(layers)) {
      matrices.push_back({name, layers + "/" + name, var});
    }
  }
  if (find(matrices, "raw") != nullptr) return matrices;
  for (const std::string step : {"/", "."}) {
    const std::string raw = prefix + "raw" + step;
    if (!file.has(raw + "X")) continue;
    matrices.push_back({"raw", raw + "X", raw + "var"});
    break;
  }
  return matrices;
}

// Returns the matrix of that name. "" chooses X. If X is missing or its values
// are not counts, "" chooses the layer "counts", raw, or the only other matrix
// that holds counts; if none does, X after all. Throws Error, listing the
// matrices of the file, if there is no such matrix or no clear choice.
H5adMatrix choose_matrix(const File& file, const std::string& prefix,
                         const std::string& name) {
  const Matrices matrices = matrices_in(file, prefix);
  if (name.empty()) return choose_unasked(file, matrices);
  if (const H5adMatrix* asked = find(matrices, name)) return *asked;
  throw_error(ErrorKind::kArgument, "The file '", file.path(),
              "' has no layer '", name, "'; it has ",
              (matrices.empty() ? "none" : quoted_list(names_of(matrices))),
              ".");
}

// Returns advice on how to read a matrix that is stored by features.
std::string advice(const File& file, const H5adMatrix& matrix,
                   const std::string& modality) {
  const bool is_raw = matrix.name == "raw";
  const bool is_layer = !is_raw && matrix.name != "X";
  const std::string path = "'" + file.path() + "'";
  const std::string in_r =
      modality.empty() && !is_raw
          ? "as_cells(HDF5Array::H5ADMatrix(" + path +
                (is_layer ? ", layer = '" + matrix.name + "'" : "") +
                ")) reads it by blocks of cells"
          : "as_cells(x) reads it by blocks of cells, with x <- "
            "HDF5Array::H5SparseMatrix(" +
                path + ", '" + matrix.path + "') and its dimnames set";
  const std::string part =
      is_layer ? "adata.layers['" + matrix.name + "']" : "adata.X";
  return " In R, " + in_r + ". Or write it by cells, in Python: adata = " +
         (modality.empty() ? "anndata.read_h5ad(path)"
                           : "mudata.read_h5mu(path)['" + modality + "']") +
         "; " + (is_raw ? "adata = adata.raw.to_adata(); " : "") + part +
         " = scipy.sparse.csr_matrix(" + part + "); adata.write_h5ad(new_path)";
}

std::string encoding_of(const File& file, const std::string& path) {
  const std::string now = file.text_attribute(path, "encoding-type");
  if (!now.empty()) return now;
  return file.text_attribute(path, "h5sparse_format") + "_matrix";
}

void check_encoding(const File& file, const H5adMatrix& matrix,
                    const std::string& modality) {
  const std::string encoding = encoding_of(file, matrix.path);
  if (encoding == "csr_matrix") return;
  throw_error(
      ErrorKind::kFile, "'", matrix.path, "' of the file '", file.path(),
      encoding == "csc_matrix"
          ? "' is stored by features (CSC), and cells cannot be streamed from "
            "that." +
                advice(file, matrix, modality)
          : "' has the unknown encoding '" + encoding +
                "'; expected 'csr_matrix'.");
}

std::vector<int64_t> read_shape(const File& file, const std::string& path) {
  std::vector<int64_t> shape = file.integers_attribute(path, "shape");
  if (shape.empty()) shape = file.integers_attribute(path, "h5sparse_shape");
  if (shape.size() == 2) return shape;
  throw_error(
      ErrorKind::kFile, "'", path, "' of the file '", file.path(),
      "' lacks the attribute 'shape' with two numbers; the file is damaged.");
}

CellSourcePtr open_matrix(const File& file, const H5adMatrix& matrix,
                          const std::string& modality) {
  const std::string description =
      modality.empty()
          ? "h5ad file '" + file.name() + "'"
          : "modality '" + modality + "' of MuData '" + file.name() + "'";
  if (file.is_dataset(matrix.path)) {
    return dense_hdf5_source(file, matrix.path, description);
  }
  check_encoding(file, matrix, modality);
  const std::vector<int64_t> shape = read_shape(file, matrix.path);
  return sparse_hdf5_source(file, matrix.path, shape[0], shape[1], description);
}

void check_length(const std::vector<std::string>& names, int64_t expected,
                  const std::string& table, const File& file) {
  if (n_of(names) == expected) return;
  throw_error(ErrorKind::kFile, "'", table, "' of the file '", file.path(),
              "' has ", names.size(), " rows, but the matrix has ", expected,
              "; the file is damaged.");
}

// Returns the feature types as scanpy stores those of a 10x file; empty if
// unknown.
std::vector<std::string> feature_types(const H5adTable& var) {
  const std::string name = "feature_types";
  if (!var.has(name)) return {};
  ObsColumn column = var.read(name);
  if (column.kind != ObsColumn::Kind::kCategorical) return column.texts;
  for (int64_t code : column.codes) {
    column.texts.push_back(code < 0 ? "" : column.categories[code]);
  }
  return column.texts;
}

}  // namespace

OpenedFile open_h5ad(const std::string& path, const H5adOptions& options) {
  const File file(path);
  const std::string prefix = h5ad_prefix(file, options.modality);
  const H5adMatrix matrix = choose_matrix(file, prefix, options.layer);
  OpenedFile opened;
  opened.cells = H5adTable(file, prefix, "obs").index();
  const H5adTable var(file, "", matrix.var);
  opened.features = var.index();
  opened.source = open_matrix(file, matrix, options.modality);
  check_length(opened.cells, opened.source->n_cells(), prefix + "obs", file);
  check_length(opened.features, opened.source->n_features(), matrix.var, file);
  const std::vector<std::string> types = feature_types(var);
  if (!types.empty() && !options.feature_type.empty()) {
    check_length(types, opened.source->n_features(), matrix.var, file);
    keep_features(types, options.feature_type, opened);
  }
  opened.matrix = matrix.name;
  opened.matrices = names_of(matrices_in(file, prefix));
  return opened;
}

}  // namespace sailer
