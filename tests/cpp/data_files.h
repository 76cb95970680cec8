// A random matrix of counts, and files that hold it, written through HDF5's C
// API and not through the package's own wrapper.
#pragma once

#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "../../src/core/data/readers/cell_source.h"
#include "catch.h"

namespace sailer_test {

// Dense on purpose: the reference has nothing in common with sparse code.
struct Counts {
  int64_t n_cells = 0;
  int64_t n_features = 0;
  std::vector<float> values;  // one cell after another

  float at(int64_t cell, int64_t feature) const {
    return values[static_cast<size_t>(cell * n_features + feature)];
  }
  float& at(int64_t cell, int64_t feature) {
    return values[static_cast<size_t>(cell * n_features + feature)];
  }
};

// About a tenth of the counts are positive; every seventh cell is empty.
inline Counts random_counts(int64_t n_cells, int64_t n_features,
                            unsigned seed = 1) {
  Counts counts{n_cells, n_features, {}};
  counts.values.assign(static_cast<size_t>(n_cells * n_features), 0.0f);
  std::mt19937 random(seed);
  for (int64_t cell = 0; cell < n_cells; ++cell) {
    for (int64_t feature = 0; feature < n_features; ++feature) {
      const bool open = random() % 10 == 0;
      const auto count = static_cast<float>(1 + random() % 5);
      if (open && cell % 7 != 3) counts.at(cell, feature) = count;
    }
  }
  return counts;
}

struct Compressed {
  std::vector<int64_t> indptr{0};
  std::vector<int64_t> indices;
  std::vector<double> data;
};

inline Compressed compress(const Counts& counts) {
  Compressed rows;
  for (int64_t cell = 0; cell < counts.n_cells; ++cell) {
    for (int64_t feature = 0; feature < counts.n_features; ++feature) {
      if (counts.at(cell, feature) == 0) continue;
      rows.indices.push_back(feature);
      rows.data.push_back(counts.at(cell, feature));
    }
    rows.indptr.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  return rows;
}

inline sailer::SparseRows sparse_rows(const Counts& counts) {
  const Compressed from = compress(counts);
  sailer::SparseRows rows;
  rows.offsets = from.indptr;
  rows.indices.assign(from.indices.begin(), from.indices.end());
  rows.values.assign(from.data.begin(), from.data.end());
  return rows;
}

inline std::vector<std::string> numbered(const std::string& prefix, int64_t n) {
  std::vector<std::string> names;
  for (int64_t k = 0; k < n; ++k) names.push_back(prefix + std::to_string(k));
  return names;
}

// A path in the temporary folder; the file is removed with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& ending = ".h5") {
    static int count = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("sailer-test-" + std::to_string(getpid()) + "-" +
              std::to_string(count++) + ending))
                .string();
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A new folder, removed with the object.
class Folder {
 public:
  Folder() { std::filesystem::create_directory(place_.path()); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(place_.path(), ignored);
  }
  const std::string& path() const { return place_.path(); }
  std::string operator/(const std::string& name) const {
    return path() + "/" + name;
  }

 private:
  TemporaryFile place_{""};
};

// Writes one file, and closes everything that it opened.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : file_(
            H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~Writer() { H5Fclose(file_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void group(const std::string& name) {
    H5Gclose(
        H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }

  // `type` is the type in the file. If `chunk` > 0, the data are stored in
  // chunks of that size, compressed by gzip.
  void numbers(const std::string& name, const std::vector<double>& values,
               hid_t type, hsize_t chunk = 0) {
    const hsize_t length = values.size();
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    chunk = std::min(chunk, length);
    if (chunk > 0) {
      H5Pset_chunk(plist, 1, &chunk);
      H5Pset_deflate(plist, 6);
    }
    const hid_t set = H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT,
                                 plist, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT,
             values.data());
    H5Dclose(set);
    H5Pclose(plist);
    H5Sclose(space);
  }

  void integers(const std::string& name, const std::vector<int64_t>& values,
                hid_t type, hsize_t chunk = 0) {
    numbers(name, {values.begin(), values.end()}, type, chunk);
  }

  // A dense dataset of zeros that takes no space in the file.
  void empty_matrix(const std::string& name, const std::vector<hsize_t>& shape,
                    const std::vector<hsize_t>& chunk) {
    const hid_t space = H5Screate_simple(2, shape.data(), nullptr);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 2, chunk.data());
    H5Dclose(H5Dcreate2(file_, name.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT,
                        plist, H5P_DEFAULT));
    H5Pclose(plist);
    H5Sclose(space);
  }

  // Cells x features as a dense dataset; if `chunk` is given, stored in chunks
  // that are compressed by `filter`.
  void matrix(const std::string& name, const Counts& counts, hid_t type,
              const std::vector<hsize_t>& chunk = {},
              H5Z_filter_t filter = H5Z_FILTER_DEFLATE) {
    const hsize_t shape[2] = {static_cast<hsize_t>(counts.n_cells),
                              static_cast<hsize_t>(counts.n_features)};
    const hid_t space = H5Screate_simple(2, shape, nullptr);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    if (!chunk.empty()) {
      const unsigned level = 6;
      H5Pset_chunk(plist, 2, chunk.data());
      H5Pset_filter(plist, filter, H5Z_FLAG_MANDATORY, 1, &level);
    }
    const hid_t set = H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT,
                                 plist, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
             counts.values.data());
    H5Dclose(set);
    H5Pclose(plist);
    H5Sclose(space);
  }

  hid_t file() const { return file_; }

  // Fixed width, padded with zeros or spaces, or variable length.
  enum class Text { kFixed, kSpaces, kVariable };
  void strings(const std::string& name, const std::vector<std::string>& values,
               Text how) {
    const hsize_t length = values.size();
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    write_strings(name, values, how, space);
    H5Sclose(space);
  }

  void text_attribute(const std::string& object, const std::string& name,
                      const std::string& value) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute =
        H5Acreate_by_name(file_, object.c_str(), name.c_str(), type, space,
                          H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    const char* pointer = value.c_str();
    H5Awrite(attribute, type, &pointer);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
  }

  void integers_attribute(const std::string& object, const std::string& name,
                          const std::vector<int64_t>& values) {
    const hsize_t length = values.size();
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    const hid_t attribute =
        H5Acreate_by_name(file_, object.c_str(), name.c_str(), H5T_STD_I64LE,
                          space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT64, values.data());
    H5Aclose(attribute);
    H5Sclose(space);
  }

  // A table of compound values, as written by AnnData before 0.7: index and
  // depth.
  void table(const std::string& name, const std::vector<std::string>& index) {
    struct Row {
      char index[16];
      double depth;
    };
    std::vector<Row> rows(index.size());
    for (size_t k = 0; k < index.size(); ++k) {
      rows[k] = {{}, 0.5 * static_cast<double>(k)};
      index[k].copy(rows[k].index, sizeof(rows[k].index) - 1);
    }
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, sizeof(Row::index));
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(Row));
    H5Tinsert(type, "index", HOFFSET(Row, index), text);
    H5Tinsert(type, "depth", HOFFSET(Row, depth), H5T_NATIVE_DOUBLE);
    const hsize_t length = rows.size();
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    const hid_t set = H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT,
                                 H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data());
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(text);
  }

 private:
  void write_strings(const std::string& name,
                     const std::vector<std::string>& values, Text how,
                     hid_t space) {
    const hid_t type = H5Tcopy(H5T_C_S1);
    std::vector<const char*> pointers;
    std::string flat;
    if (how == Text::kVariable) {
      H5Tset_size(type, H5T_VARIABLE);
      for (const std::string& value : values) pointers.push_back(value.c_str());
    } else {
      constexpr size_t kWidth = 24;
      H5Tset_size(type, kWidth);
      const bool spaces = how == Text::kSpaces;
      H5Tset_strpad(type, spaces ? H5T_STR_SPACEPAD : H5T_STR_NULLPAD);
      for (std::string value : values) {
        value.resize(kWidth, spaces ? ' ' : '\0');
        flat += value;
      }
    }
    const hid_t set = H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT,
                                 H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
             pointers.empty() ? static_cast<const void*>(flat.data())
                              : pointers.data());
    H5Dclose(set);
    H5Tclose(type);
  }

  hid_t file_;
};

// Parts of a file, which a test may break before they are written.
struct TenxParts {
  explicit TenxParts(const Counts& counts)
      : rows(compress(counts)),
        shape{counts.n_features, counts.n_cells},
        barcodes(numbered("CELL-", counts.n_cells)),
        ids(numbered("chr1:1-", counts.n_features)) {}

  Compressed rows;
  std::vector<int64_t> shape;
  std::vector<std::string> barcodes;
  std::vector<std::string> ids;
  std::vector<std::string> types;  // of features; if empty, all are Peaks
};

inline void write_rows(Writer& writer, const std::string& group,
                       const Compressed& rows, hid_t index_type,
                       hid_t data_type, hsize_t chunk) {
  writer.integers(group + "/indptr", rows.indptr, index_type, chunk);
  writer.integers(group + "/indices", rows.indices, index_type, chunk);
  writer.numbers(group + "/data", rows.data, data_type, chunk);
}

inline void write_tenx3(const std::string& path, TenxParts parts) {
  Writer writer(path);
  writer.group("matrix");
  writer.group("matrix/features");
  write_rows(writer, "matrix", parts.rows, H5T_STD_I64LE, H5T_STD_I32LE, 37);
  writer.integers("matrix/shape", parts.shape, H5T_STD_I32LE);
  writer.strings("matrix/barcodes", parts.barcodes, Writer::Text::kFixed);
  writer.strings("matrix/features/id", parts.ids, Writer::Text::kFixed);
  if (parts.types.empty()) parts.types.assign(parts.ids.size(), "Peaks");
  writer.strings("matrix/features/feature_type", parts.types,
                 Writer::Text::kFixed);
  writer.strings("matrix/features/interval", parts.ids, Writer::Text::kFixed);
}

inline void write_tenx2(const std::string& path, const TenxParts& parts,
                        const std::string& genome = "hg19") {
  Writer writer(path);
  writer.group(genome);
  write_rows(writer, genome, parts.rows, H5T_STD_I64LE, H5T_STD_I32LE, 0);
  writer.integers(genome + "/shape", parts.shape, H5T_STD_I32LE);
  writer.strings(genome + "/barcodes", parts.barcodes, Writer::Text::kSpaces);
  writer.strings(genome + "/genes", parts.ids, Writer::Text::kSpaces);
}

// obs and var of the AnnData object at `prefix` in the file.
inline void write_tables(Writer& writer, const std::string& prefix,
                         const TenxParts& parts) {
  const std::string obs = prefix + "obs";
  writer.group(obs);
  writer.strings(obs + "/barcode", parts.barcodes, Writer::Text::kVariable);
  writer.text_attribute(obs, "_index", "barcode");
  const std::string var = prefix + "var";
  writer.group(var);
  writer.strings(var + "/_index", parts.ids, Writer::Text::kVariable);
  writer.text_attribute(var, "_index", "_index");
}

inline void write_sparse(Writer& writer, const std::string& matrix,
                         const TenxParts& parts,
                         const std::string& encoding = "csr_matrix") {
  writer.group(matrix);
  write_rows(writer, matrix, parts.rows, H5T_STD_I32LE, H5T_IEEE_F32LE, 61);
  writer.text_attribute(matrix, "encoding-type", encoding);
  writer.integers_attribute(matrix, "shape", {parts.shape[1], parts.shape[0]});
}

inline void write_h5ad(const std::string& path, const TenxParts& parts,
                       const std::string& encoding = "csr_matrix",
                       const std::string& matrix = "X") {
  Writer writer(path);
  if (matrix != "X") writer.group(matrix.substr(0, matrix.find('/')));
  write_sparse(writer, matrix, parts, encoding);
  write_tables(writer, "", parts);
}

inline void write_old_h5ad(const std::string& path, const TenxParts& parts) {
  Writer writer(path);
  writer.group("X");
  write_rows(writer, "X", parts.rows, H5T_STD_I32LE, H5T_IEEE_F32LE, 61);
  writer.text_attribute("X", "h5sparse_format", "csr");
  writer.integers_attribute("X", "h5sparse_shape",
                            {parts.shape[1], parts.shape[0]});
  writer.table("obs", parts.barcodes);
  writer.table("var", parts.ids);
}

}  // namespace sailer_test
