#include "opened_file.h"

#include <utility>

#include "../../support/error.h"
#include "h5ad_layout.h"
#include "sources.h"

namespace sailer {

namespace {

void keep_mapped(const FeatureMap& map, std::vector<std::string>& names) {
  if (names.empty()) return;
  std::vector<std::string> kept;
  for (size_t k = 0; k < map.size(); ++k) {
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
