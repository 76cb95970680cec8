#include "h5ad_source.h"

#include <utility>

#include "../support/error.h"
#include "h5ad_table.h"
#include "hdf5.h"
#include "hdf5_rows.h"

namespace sailer {

namespace {

using hdf5::File;

struct Place {
  std::string matrix;  // path in the file
  std::string var;     // table of its features
  std::string python;  // the same matrix in Python
};

Place find_matrix(const File& file, const std::string& layer) {
  if (layer.empty()) return {"X", "var", "adata.X"};
  if (file.has("layers/" + layer)) {
    return {"layers/" + layer, "var", "adata.layers['" + layer + "']"};
  }
  if (layer == "raw" && file.has("raw/X")) {
    return {"raw/X", "raw/var", "adata.X"};
  }
  std::string known;
  if (file.is_group("layers")) {
    for (const std::string& name : file.children("layers")) {
      known += (known.empty() ? " '" : ", '") + name + "'";
    }
  }
  throw Error(ErrorKind::kArgument,
              "The file '" + file.path() + "' has no layer '" + layer +
                  "'; it has" + (known.empty() ? " no layers, only X" : known) +
                  ".");
}

// How to write the file again so that it can be streamed by cells.
std::string advice(const Place& place) {
  const std::string raw =
      place.matrix == "raw/X" ? "adata = adata.raw.to_adata(); " : "";
  return " Convert it in Python: adata = anndata.read_h5ad(path); " + raw +
         place.python + " = scipy.sparse.csr_matrix(" + place.python +
         "); adata.write_h5ad(new_path)";
}

void check_encoding(const File& file, const Place& place) {
  const std::string where =
      "'" + place.matrix + "' of the file '" + file.path() + "'";
  if (file.is_dataset(place.matrix)) {
    throw Error(ErrorKind::kFile,
                where +
                    " is a dense matrix; needed is a sparse one by cells "
                    "(CSR)." +
                    advice(place));
  }
  if (!file.is_group(place.matrix)) {
    throw Error(ErrorKind::kFile,
                where + " is not there; the file holds no counts.");
  }
  std::string encoding =
      file.text_attribute(place.matrix, "encoding-type").value_or("");
  if (encoding.empty()) {
    encoding =
        file.text_attribute(place.matrix, "h5sparse_format").value_or("") +
        "_matrix";
  }
  if (encoding == "csr_matrix") return;
  if (encoding == "csc_matrix") {
    throw Error(ErrorKind::kFile,
                where +
                    " is stored by features (CSC); needed is a sparse "
                    "matrix by cells (CSR)." +
                    advice(place));
  }
  throw Error(ErrorKind::kFile, where + " has the unknown encoding '" +
                                    encoding + "'; needed is 'csr_matrix'.");
}

std::vector<int64_t> read_shape(const File& file, const Place& place) {
  std::vector<int64_t> shape = file.integers_attribute(place.matrix, "shape");
  if (shape.empty()) {
    shape = file.integers_attribute(place.matrix, "h5sparse_shape");
  }
  if (shape.size() == 2) return shape;
  throw Error(ErrorKind::kFile,
              "'" + place.matrix + "' of the file '" + file.path() +
                  "' lacks the attribute 'shape' with two numbers; the file "
                  "is damaged.");
}

void check_length(const std::vector<std::string>& names, int64_t expected,
                  const std::string& table, const File& file) {
  if (static_cast<int64_t>(names.size()) == expected) return;
  throw Error(ErrorKind::kFile,
              "'" + table + "' of the file '" + file.path() + "' has " +
                  std::to_string(names.size()) + " rows, but the matrix has " +
                  std::to_string(expected) + "; the file is damaged.");
}

}  // namespace

OpenedFile open_h5ad(const std::string& path, const H5adOptions& options) {
  const File file(path);
  const Place place = find_matrix(file, options.layer);
  check_encoding(file, place);
  const std::vector<int64_t> shape = read_shape(file, place);
  OpenedFile opened;
  opened.source =
      std::make_shared<Hdf5Rows>(file, place.matrix, shape[0], shape[1],
                                 "h5ad file '" + file.name() + "'");
  opened.cells = H5adTable(file, "obs").index();
  opened.features = H5adTable(file, place.var).index();
  check_length(opened.cells, shape[0], "obs", file);
  check_length(opened.features, shape[1], place.var, file);
  return opened;
}

std::vector<std::string> obs_columns(const std::string& path) {
  const File file(path);
  return H5adTable(file, "obs").columns();
}

ObsColumn read_obs(const std::string& path, const std::string& column) {
  const File file(path);
  return H5adTable(file, "obs").read(column);
}

}  // namespace sailer
