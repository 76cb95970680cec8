// obs and var of an h5ad file: tables of named columns with an index.
#pragma once

#include <string>
#include <vector>

#include "h5ad_source.h"
#include "hdf5.h"

namespace sailer {

class H5adTable {
 public:
  // `prefix`: of the object in the file; `name`: "obs", "var" or "raw/var".
  H5adTable(const hdf5::File& file, std::string prefix,
            const std::string& name);

  std::vector<std::string> index() const;  // names of the rows
  int64_t n_rows() const;
  std::vector<std::string> columns() const;
  ObsColumn read(const std::string& column) const;

 private:
  std::string index_name() const;
  hdf5::Dataset index_dataset() const;
  ObsColumn read_dataset(const std::string& column) const;
  ObsColumn read_group(const std::string& column) const;
  ObsColumn read_field(const std::string& column) const;

  const hdf5::File& file_;
  std::string prefix_;
  std::string name_;  // in the file
  bool compound_;     // one dataset of compound values, before AnnData 0.7
};

}  // namespace sailer
