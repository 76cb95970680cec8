// Coordinates of cells in obsm: a dense dataset each, before AnnData 0.7 a
// field of one compound dataset.

#include <algorithm>

#include "../../support/error.h"
#include "../../support/text.h"
#include "h5ad_layout.h"
#include "h5ad_source.h"
#include "h5ad_table.h"
#include "hdf5.h"

namespace sailer {

namespace {

using hdf5::Dataset;
using hdf5::File;

std::vector<std::string> names_in(const File& file, const std::string& obsm) {
  if (file.is_dataset(obsm)) return file.dataset(obsm).members();
  if (!file.is_group(obsm)) return {};
  return file.children(obsm);
}

Coordinates read_dense(const Dataset& dataset) {
  const std::vector<int64_t>& shape = dataset.shape();
  if (!dataset.holds_numbers() || shape.empty() || shape.size() > 2) {
    throw Error(ErrorKind::kFile,
                "The " + dataset.describe() +
                    " is no matrix of numbers with a row for each cell.");
  }
  return {shape[0], shape.size() == 2 ? shape[1] : 1, dataset.numbers()};
}

Coordinates read_field(const Dataset& table, const std::string& name) {
  Coordinates result{table.size(), 0, table.numbers(name)};
  if (result.n_cells > 0) {
    result.width = static_cast<int64_t>(result.values.size()) / result.n_cells;
  }
  return result;
}

Coordinates read_coordinates(const File& file, const std::string& obsm,
                             const std::string& name) {
  if (file.is_dataset(obsm)) return read_field(file.dataset(obsm), name);
  const std::string path = obsm + "/" + name;
  if (file.is_dataset(path)) return read_dense(file.dataset(path));
  throw Error(ErrorKind::kFile,
              "'" + path + "' of the file '" + file.path() +
                  "' is no dense matrix, so it cannot be read as coordinates "
                  "of cells.");
}

}  // namespace

std::vector<std::string> obsm_names(const std::string& path,
                                    const std::string& modality) {
  const File file(path);
  return names_in(file, h5ad_prefix(file, modality) + "obsm");
}

Coordinates read_obsm(const std::string& path, const std::string& name,
                      const std::string& modality) {
  const File file(path);
  const std::string prefix = h5ad_prefix(file, modality);
  const std::string obsm = prefix + "obsm";
  const std::vector<std::string> known = names_in(file, obsm);
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    throw Error(ErrorKind::kArgument,
                "'" + obsm + "' of the file '" + path + "' has no '" + name +
                    "'; it has " +
                    (known.empty() ? "nothing" : quoted_list(known)) + ".");
  }
  Coordinates result = read_coordinates(file, obsm, name);
  const auto n_cells =
      static_cast<int64_t>(H5adTable(file, prefix, "obs").index().size());
  if (result.n_cells == n_cells) return result;
  throw Error(ErrorKind::kFile,
              "'" + obsm + "/" + name + "' of the file '" + path + "' has " +
                  std::to_string(result.n_cells) + " rows, but there are " +
                  std::to_string(n_cells) + " cells; the file is damaged.");
}

}  // namespace sailer
