// Where an HDF5 file keeps an AnnData object, its matrices and its tables: an
// h5ad file is one object, MuData (.h5mu) has one for each modality, under
// mod/.
#pragma once

#include <string>
#include <vector>

#include "h5ad_source.h"
#include "hdf5.h"

namespace sailer {

// A matrix of cells x features.
struct H5adMatrix {
  std::string name;  // "X", "raw", or of a layer
  std::string path;  // in the file
  std::string var;   // table of its features, in the file
};

// What stands before the names of an object's parts: "" or "mod/atac/". Throws
// Error(kArgument), listing the modalities, unless `modality` is one of them,
// or "" in a file that has none.
std::string h5ad_prefix(const hdf5::File& file, const std::string& modality);

// Modalities of MuData, in the file's own order where it is known; none in
// other files.
std::vector<std::string> h5ad_modalities(const hdf5::File& file);

// X, the layers and the counts that AnnData keeps aside (raw/X; raw.X before
// 0.7), as far as they are there. A layer that is itself called "raw" comes
// instead of these.
std::vector<H5adMatrix> h5ad_matrices(const hdf5::File& file,
                                      const std::string& prefix);

// The matrix of that name. "" takes X unless its values are no counts or it is
// not there: then the layer "counts", raw, or the only other matrix that holds
// counts; X after all when none does. Throws Error, listing what is there.
H5adMatrix choose_h5ad_matrix(const hdf5::File& file, const std::string& prefix,
                              const std::string& name);

// obs or var: named columns with an index.
class H5adTable {
 public:
  // `prefix`: of the object in the file; `name`: "obs", "var" or "raw/var".
  H5adTable(const hdf5::File& file, std::string prefix,
            const std::string& name);

  std::vector<std::string> index() const;  // names of the rows
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
