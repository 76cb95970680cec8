#include "opened_file.h"

#include <set>
#include <utility>

#include "../../support/error.h"
#include "h5ad_layout.h"
#include "hdf5_sources.h"
#include "sources.h"

namespace sailer {

namespace {

void keep_mapped(const FeatureMap& map, std::vector<std::string>& names) {
  std::vector<std::string> kept;
  for (size_t k = 0; k < names.size(); ++k) {
    if (map[k] >= 0) kept.push_back(std::move(names[k]));
  }
  names = std::move(kept);
}

}  // namespace

bool keep_features(const std::vector<std::string>& types,
                   const std::string& wanted, OpenedFile& opened) {
  Subset subset;
  subset.map.assign(types.size(), -1);
  for (size_t k = 0; k < types.size(); ++k) {
    if (types[k] != wanted) continue;
    subset.map[k] = static_cast<int32_t>(subset.n_features++);
  }
  if (subset.n_features == 0) return false;
  if (subset.n_features == opened.source->n_features()) return true;
  keep_mapped(subset.map, opened.features);
  keep_mapped(subset.map, opened.intervals);
  opened.source = choose(std::move(opened.source), std::move(subset));
  return true;
}

namespace {

using hdf5::File;
using hdf5::ValueType;

bool holds_matrix(const File& file, const std::string& group) {
  for (const char* name : {"data", "indices", "indptr", "shape"}) {
    if (!file.is_dataset(group + "/" + name)) return false;
  }
  return true;
}

std::vector<std::string> tenx_groups(const File& file) {
  std::vector<std::string> groups;
  for (const std::string& name : file.children("/")) {
    if (file.is_group(name) && holds_matrix(file, name)) groups.push_back(name);
  }
  return groups;
}

std::string choose_group(const File& file, const std::string& asked) {
  const std::vector<std::string> groups = tenx_groups(file);
  if (!asked.empty()) {
    require(holds_matrix(file, asked), "The file '", file.path(),
            "' has no 10x matrix in group '", asked, "'; it has ",
            groups.empty() ? "none" : quoted_list(groups), ".");
    return asked;
  }
  file.check(!groups.empty(),
             "has no group with a 10x matrix (data, indices, indptr, shape)");
  require(groups.size() == 1, "The file '", file.path(),
          "' holds several matrices; choose one with 'group': ",
          quoted_list(groups), ".");
  return groups[0];
}

// Reads the first of the datasets that exists, because some writers leave out
// the ids.
std::vector<std::string> read_names(const File& file,
                                    const std::vector<std::string>& names,
                                    int64_t length) {
  for (const std::string& name : names) {
    if (!file.is_dataset(name)) continue;
    const hdf5::Dataset dataset = file.dataset(name);
    dataset.expect(length, ValueType::kString);
    return dataset.strings();
  }
  return {};
}

void restrict_to_type(const File& file, const std::string& group,
                      const std::string& wanted, OpenedFile& opened) {
  const std::vector<std::string> types = read_names(
      file, {group + "/features/feature_type"}, opened.source->n_features());
  if (types.empty() || wanted.empty()) return;
  const std::set<std::string> found(types.begin(), types.end());
  require(
      keep_features(types, wanted, opened), "The file '", file.path(),
      "' has no features of type '", wanted, "'; it has ",
      quoted_list({found.begin(), found.end()}),
      ". Choose one of these with 'feature_type', or NULL for all features.");
}

}  // namespace

OpenedFile open_tenx(const std::string& path, const TenxOptions& options) {
  const File file(path);
  const std::string group = choose_group(file, options.group);
  const hdf5::Dataset shape = file.dataset(group + "/shape");
  shape.expect(2, ValueType::kInteger);
  const std::vector<int64_t> dims = shape.integers();

  OpenedFile opened;
  opened.source = sparse_hdf5_source(file, group, dims[1], dims[0],
                                     "10x HDF5 file '" + file.name() + "'");
  opened.cells = read_names(file, {group + "/barcodes"}, dims[1]);
  opened.features =
      read_names(file,
                 {group + "/features/id", group + "/features/name",
                  group + "/genes", group + "/gene_names"},
                 dims[0]);
  opened.intervals = read_names(file, {group + "/features/interval"}, dims[0]);
  restrict_to_type(file, group, options.feature_type, opened);
  return opened;
}

FileLayout detect_layout(const std::string& path) {
  const hdf5::File file(path);
  if (!h5ad_modalities(file).empty()) return FileLayout::kMudata;
  if (file.has("obs") && file.has("var")) return FileLayout::kH5ad;
  if (!tenx_groups(file).empty()) return FileLayout::kTenx;
  constexpr size_t kMaxListed = 8;
  std::vector<std::string> found = file.children("/");
  const bool more = found.size() > kMaxListed;
  if (more) found.resize(kMaxListed);
  throw_error(
      ErrorKind::kFile, "The HDF5 file '", path,
      "' holds neither a 10x matrix (a group with data, indices, indptr and "
      "shape) nor an h5ad object (X, obs, var) nor MuData (mod). Found: ",
      found.empty() ? "nothing" : quoted_list(found), more ? ", ...." : ".");
}

}  // namespace sailer
