// Files with more than 2^31 non-zeros. Missing chunks are read as the fill
// value, so such a file takes only a few kilobytes.
#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/data/readers/opened_file.h"
#include "../../src/core/data/readers/sources.h"
#include "../../src/core/data/store/scan.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

namespace data_large_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kFirstEntries = (int64_t{1} << 31) + 12345;  // of cell 0
constexpr int64_t kSmallCells = 300;
constexpr int64_t kFeatures = 50;

// Cell 0 is too large to read; the cells after it are those of `counts`.
class LargeFile {
 public:
  explicit LargeFile(const Counts& counts) : rows_(compress(counts)) {
    for (int64_t& offset : rows_.indptr) offset += kFirstEntries;
    rows_.indptr.insert(rows_.indptr.begin(), 0);
  }

  void write_tenx(const std::string& path) {
    {
      Writer writer(path);
      writer.group("matrix");
      writer.group("matrix/features");
      writer.integers("matrix/indptr", rows_.indptr, H5T_STD_I64LE, 50);
      writer.integers("matrix/shape", {kFeatures, kSmallCells + 1},
                      H5T_STD_I32LE);
      writer.strings("matrix/barcodes", numbered("C", kSmallCells + 1),
                     Writer::Text::kFixed);
      writer.strings("matrix/features/id", numbered("P", kFeatures),
                     Writer::Text::kFixed);
    }
    write_entries(path, "matrix", H5T_STD_I64LE, H5T_STD_I32LE);
  }

  void write_h5ad(const std::string& path) {
    {
      Writer writer(path);
      writer.group("X");
      writer.integers("X/indptr", rows_.indptr, H5T_STD_I64LE, 50);
      writer.text_attribute("X", "encoding-type", "csr_matrix");
      writer.integers_attribute("X", "shape", {kSmallCells + 1, kFeatures});
      writer.group("obs");
      writer.strings("obs/_index", numbered("C", kSmallCells + 1),
                     Writer::Text::kVariable);
      writer.text_attribute("obs", "_index", "_index");
      writer.group("var");
      writer.strings("var/_index", numbered("P", kFeatures),
                     Writer::Text::kVariable);
      writer.text_attribute("var", "_index", "_index");
    }
    write_entries(path, "X", H5T_STD_I32LE, H5T_IEEE_F32LE);
  }

 private:
  // Writes only the chunks of the small cells.
  void write_entries(const std::string& path, const std::string& group,
                     hid_t index_type, hid_t data_type) {
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const std::vector<double> indices(rows_.indices.begin(),
                                      rows_.indices.end());
    write_end(file, group + "/indices", indices, index_type);
    write_end(file, group + "/data", rows_.data, data_type);
    H5Fclose(file);
  }

  static void write_end(hid_t file, const std::string& name,
                        const std::vector<double>& values, hid_t type) {
    const hsize_t start = kFirstEntries;
    const hsize_t count = values.size();
    const hsize_t length = start + count;
    const hsize_t chunk = 1000;
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 1, &chunk);
    H5Pset_deflate(plist, 4);
    const int fill = 1;
    H5Pset_fill_value(plist, H5T_NATIVE_INT, &fill);
    const hid_t set = H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT,
                                 plist, H5P_DEFAULT);
    const hid_t memory = H5Screate_simple(1, &count, nullptr);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &count,
                        nullptr);
    H5Dwrite(set, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, values.data());
    H5Sclose(memory);
    H5Dclose(set);
    H5Pclose(plist);
    H5Sclose(space);
  }

  Compressed rows_;
};

// Many cells with the same features, generated when they are read.
class RepeatedSource final : public CellSource {
 public:
  RepeatedSource(int64_t n_cells, int64_t n_features)
      : n_cells_(n_cells), n_features_(n_features) {
    for (int64_t f = 0; f < n_features; ++f) {
      features_.push_back(static_cast<int32_t>(f));
    }
  }
  int64_t n_cells() const override { return n_cells_; }
  int64_t n_features() const override { return n_features_; }
  void append(int64_t, int64_t count, SparseRows& out) override {
    for (int64_t k = 0; k < count; ++k) {
      out.indices.insert(out.indices.end(), features_.begin(), features_.end());
      out.offsets.push_back(static_cast<int64_t>(out.indices.size()));
    }
    out.values.resize(out.indices.size(), 1.0f);
  }
  int64_t n_entries(int64_t, int64_t count) const override {
    return count * n_features_;
  }
  std::string describe() const override { return "cells made up"; }

 private:
  int64_t n_cells_, n_features_;
  std::vector<int32_t> features_;
};

}  // namespace

TEST_CASE("cells beyond 2^31 non-zeros are read", "[data][hdf5]") {
  const Counts counts = random_counts(kSmallCells, kFeatures);
  const bool tenx = GENERATE(true, false);
  TemporaryFile file(tenx ? ".h5" : ".h5ad");
  LargeFile large(counts);
  tenx ? large.write_tenx(file.path()) : large.write_h5ad(file.path());
  REQUIRE(std::filesystem::file_size(file.path()) < 1000000);
  TenxOptions options;
  options.feature_type = "";
  const CellSourcePtr source = tenx ? open_tenx(file.path(), options).source
                                    : open_h5ad(file.path(), {}).source;
  REQUIRE(source->n_entries(0, 1) == kFirstEntries);
  SparseRows rows;
  source->read(1, kSmallCells, rows);
  REQUIRE(dense(rows, kFeatures).values == counts.values);

  // The same for selected cells, which exclude the large one.
  Subset subset;
  subset.all_cells = false;
  subset.n_features = kFeatures;
  for (int64_t cell = 1; cell <= kSmallCells; ++cell) {
    subset.cells.push_back(cell);
  }
  check_source(*choose(source, subset), counts);
}

TEST_CASE("non-zeros are counted past 2^31", "[data]") {
  // 2^20 cells of 2,100 features: 2.2 billion entries.
  constexpr int64_t kCells = int64_t{1} << 20;
  constexpr int64_t kOpen = 2100;
  const auto source = std::make_shared<RepeatedSource>(kCells, kOpen);
  REQUIRE(source->n_entries(0, kCells) > int64_t{1} << 31);
  const ScanResult result = scan(source);
  REQUIRE(result.n_nonzeros == kCells * kOpen);
  REQUIRE(result.feature_cells[7] == kCells);
  REQUIRE(result.depth[12345] == kOpen);
}

}  // namespace data_large_test
