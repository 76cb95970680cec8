#include <set>

#include "../../support/error.h"
#include "hdf5_sources.h"
#include "opened_file.h"

namespace sailer {

namespace {

using hdf5::File;
using hdf5::ValueType;

bool holds_matrix(const File& file, const std::string& group) {
  for (const char* name : {"data", "indices", "indptr", "shape"}) {
    if (!file.is_dataset(group + "/" + name)) return false;
  }
  return true;
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

// Of the first of the datasets that is there: some writers leave out the ids.
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

std::vector<std::string> tenx_groups(const File& file) {
  std::vector<std::string> groups;
  for (const std::string& name : file.children("/")) {
    if (file.is_group(name) && holds_matrix(file, name)) groups.push_back(name);
  }
  return groups;
}

OpenedFile open_tenx(const std::string& path, const TenxOptions& options) {
  const File file(path);
  const std::string group = choose_group(file, options.group);
  const hdf5::Dataset shape = file.dataset(group + "/shape");
  shape.expect(2, ValueType::kInteger);
  const std::vector<int64_t> dims = shape.integers();

  OpenedFile opened;
  opened.source = sparse_hdf5_source(
      file, group, dims[1], dims[0], "10x HDF5 file '" + file.name() + "'");
  opened.cells = read_names(file, {group + "/barcodes"}, dims[1]);
  opened.features = read_names(file,
                               {group + "/features/id", group + "/features/name",
                                group + "/genes", group + "/gene_names"},
                               dims[0]);
  opened.intervals = read_names(file, {group + "/features/interval"}, dims[0]);
  restrict_to_type(file, group, options.feature_type, opened);
  return opened;
}

}  // namespace sailer
