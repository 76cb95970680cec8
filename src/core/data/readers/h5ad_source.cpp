#include "h5ad_source.h"

#include <utility>

#include "../../support/error.h"
#include "h5ad_layout.h"
#include "hdf5_sources.h"

namespace sailer {

namespace {

using hdf5::File;

// How to read a matrix that lies by features all the same.
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
  const std::string where =
      "'" + matrix.path + "' of the file '" + file.path() + "'";
  if (encoding == "csc_matrix") {
    throw_error(
        ErrorKind::kFile, where,
        " is stored by features (CSC), and cells cannot be streamed from that.",
        advice(file, matrix, modality));
  }
  throw_error(ErrorKind::kFile, where, " has the unknown encoding '", encoding,
              "'; needed is 'csr_matrix'.");
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
  return sparse_hdf5_source(file, matrix.path, shape[0], shape[1],
                                    description);
}

void check_length(const std::vector<std::string>& names, int64_t expected,
                  const std::string& table, const File& file) {
  if (n_of(names) == expected) return;
  throw_error(ErrorKind::kFile, "'", table, "' of the file '", file.path(),
              "' has ", names.size(), " rows, but the matrix has ", expected,
              "; the file is damaged.");
}

// As scanpy keeps those of a 10x file; none where it is not known.
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

H5adTable obs_of(const File& file, const std::string& modality) {
  return H5adTable(file, h5ad_prefix(file, modality), "obs");
}

}  // namespace

OpenedFile open_h5ad(const std::string& path, const H5adOptions& options) {
  const File file(path);
  const std::string prefix = h5ad_prefix(file, options.modality);
  const H5adMatrix matrix = choose_h5ad_matrix(file, prefix, options.layer);
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
  for (const H5adMatrix& one : h5ad_matrices(file, prefix)) {
    opened.matrices.push_back(one.name);
  }
  return opened;
}

std::vector<std::string> modalities(const std::string& path) {
  return h5ad_modalities(File(path));
}

std::vector<std::string> obs_columns(const std::string& path,
                                     const std::string& modality) {
  const File file(path);
  return obs_of(file, modality).columns();
}

ObsColumn read_obs(const std::string& path, const std::string& column,
                   const std::string& modality) {
  const File file(path);
  return obs_of(file, modality).read(column);
}

}  // namespace sailer
