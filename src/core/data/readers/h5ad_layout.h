// Where an HDF5 file stores AnnData objects and their tables: an h5ad file is
// one object; MuData (.h5mu) has one for each modality, under mod/.
#pragma once

#include <string>
#include <vector>

#include "h5ad_source.h"
#include "hdf5.h"

namespace sailer {

// Returns the path prefix of an object's parts: "" or "mod/atac/". Throws
// Error(kArgument), listing the modalities, unless `modality` is one of them,
// or "" for a file that has none.
std::string h5ad_prefix(const hdf5::File& file, const std::string& modality);

// Returns the modalities of MuData, in the file's own order if known; none for
// other files.
std::vector<std::string> h5ad_modalities(const hdf5::File& file);

// obs or var: named columns with an index.
class H5adTable {
 public:
  // `prefix`: of the object in the file; `name`: "obs", "var" or "raw/var".
  H5adTable(const hdf5::File& file, std::string prefix,
            const std::string& name);

  std::vector<std::string> index() const;  // row names
  int64_t n_rows() const { return index_dataset().size(); }
  std::vector<std::string> columns() const;
  bool has(const std::string& column) const;
  ObsColumn read(const std::string& column) const;

 private:
  std::string index_name() const;
  hdf5::Dataset index_dataset() const;
  ObsColumn read_values(const std::string& column) const;

  const hdf5::File& file_;
  std::string prefix_;
  std::string name_;  // in the file
  bool compound_;     // one dataset of compound values, before AnnData 0.7
};

}  // namespace sailer
