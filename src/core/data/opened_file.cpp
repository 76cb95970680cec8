#include "opened_file.h"

#include "../support/error.h"
#include "h5ad_layout.h"
#include "hdf5.h"
#include "tenx_source.h"

namespace sailer {

FileLayout detect_layout(const std::string& path) {
  const hdf5::File file(path);
  if (!h5ad_modalities(file).empty()) return FileLayout::kMudata;
  if (file.has("obs") && file.has("var")) return FileLayout::kH5ad;
  if (!tenx_groups(file).empty()) return FileLayout::kTenx;
  constexpr size_t kMaxListed = 8;
  const std::vector<std::string> found = file.children("/");
  std::string list;
  for (size_t k = 0; k < found.size() && k < kMaxListed; ++k) {
    list += (k == 0 ? "'" : ", '") + found[k] + "'";
  }
  if (found.size() > kMaxListed) list += ", ...";
  throw Error(
      ErrorKind::kFile,
      "The HDF5 file '" + path +
          "' holds neither a 10x matrix (a group with data, indices, "
          "indptr and shape) nor an h5ad object (X, obs, var) nor MuData "
          "(mod). Found: " +
          (list.empty() ? "nothing" : list) + ".");
}

}  // namespace sailer
