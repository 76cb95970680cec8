// What an h5ad or MuData file may contain besides a sparse X: dense matrices,
// counts elsewhere, modalities, coordinates of cells.

#include <cmath>

#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/data/readers/opened_file.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

namespace data_h5ad_test {

using namespace sailer;
using namespace sailer_test;
using Texts = std::vector<std::string>;

namespace {

constexpr int64_t kCells = 53;
constexpr int64_t kFeatures = 31;

Counts some_counts() { return random_counts(kCells, kFeatures); }

Counts logs_of(Counts counts) {
  for (float& value : counts.values) value = std::log1p(value);
  return counts;
}

// With the rounding errors of float32 arithmetic.
Counts noisy(Counts counts) {
  for (float& value : counts.values) value *= 1 - 3e-7f;
  return counts;
}

Counts negative(Counts counts) {
  for (float& value : counts.values) value -= 1;
  return counts;
}

// Writes an object with the given matrices, each at its path.
void write_object(const std::string& path,
                  const std::vector<std::pair<std::string, Counts>>& matrices) {
  Writer writer(path);
  writer.group("layers");
  writer.group("raw");
  const TenxParts parts(some_counts());
  write_tables(writer, "", parts);
  for (const auto& [name, counts] : matrices) {
    writer.matrix(name, counts, H5T_IEEE_F32LE);
    if (name != "raw/X") continue;
    writer.group("raw/var");
    writer.strings("raw/var/_index", parts.ids, Writer::Text::kVariable);
  }
}

std::string chosen_of(
    const std::vector<std::pair<std::string, Counts>>& matrices) {
  TemporaryFile file(".h5ad");
  write_object(file.path(), matrices);
  return open_h5ad(file.path(), {}).matrix;
}

}  // namespace

TEST_CASE("a dense matrix of an h5ad file is read correctly", "[data][hdf5]") {
  const Counts counts = some_counts();
  const TenxParts parts(counts);
  const std::vector<std::vector<hsize_t>> chunks = {
      {}, {1, 31}, {53, 1}, {7, 5}};
  for (const auto& chunk : chunks) {
    for (hid_t type : {H5T_IEEE_F32LE, H5T_IEEE_F64BE, H5T_STD_U16LE}) {
      TemporaryFile file(".h5ad");
      {
        Writer writer(file.path());
        writer.matrix("X", counts, type, chunk);
        write_tables(writer, "", parts);
      }
      const OpenedFile opened = open_h5ad(file.path(), {});
      check_source(*opened.source, counts);
      REQUIRE(opened.cells == parts.barcodes);
      REQUIRE(opened.features == parts.ids);
      REQUIRE(opened.source->describe().find("h5ad file '") == 0);
    }
  }
}

namespace {

int unpacked = 0;  // chunks

size_t count_chunks(unsigned flags, size_t, const unsigned*, size_t n_bytes,
                    size_t*, void**) {
  unpacked += (flags & H5Z_FLAG_REVERSE) != 0;
  return n_bytes;
}

}  // namespace

TEST_CASE("a pass over a dense matrix unpacks each chunk once",
          "[data][hdf5]") {
  constexpr H5Z_filter_t kCounting = 300;
  const H5Z_class2_t counting = {
      H5Z_CLASS_T_VERS, kCounting, 1,       1,
      "counting",       nullptr,   nullptr, count_chunks};
  H5Zregister(&counting);
  // One row of chunks is larger than four chunks and than the smallest cache.
  Counts counts{40, 150000, {}};
  counts.values.assign(static_cast<size_t>(40 * 150000), 0.0f);
  for (int64_t cell = 0; cell < 40; ++cell) counts.at(cell, 3000 * cell) = 2;
  TemporaryFile file(".h5ad");
  {
    Writer writer(file.path());
    writer.matrix("X", counts, H5T_IEEE_F32LE, {10, 15000}, kCounting);
    write_tables(writer, "", TenxParts(counts));
  }
  OpenedFile opened = open_h5ad(file.path(), {});
  unpacked = 0;
  SparseRows rows;
  for (int64_t first = 0; first < 40; first += 8) {
    opened.source->read(first, 8, rows);
  }
  REQUIRE(unpacked <= 40);
  REQUIRE(unpacked >= 30);  // the filter did count
  REQUIRE(rows.indices.size() == 40);
  REQUIRE(rows.indices[39] == 117000);
  // A missing filter is named when the file is opened.
  opened.source.reset();
  REQUIRE(H5Zunregister(kCounting) >= 0);
  REQUIRE_THROWS_WITH(open_h5ad(file.path(), {}),
                      contains("dataset 'X'") && contains("'counting' (300)") &&
                          contains("HDF5_PLUGIN_PATH"));
}

TEST_CASE("counts are found elsewhere if X has none", "[data][hdf5]") {
  const Counts counts = some_counts();
  const Counts logs = logs_of(counts);
  REQUIRE(chosen_of({{"X", counts}, {"layers/counts", counts}}) == "X");
  REQUIRE(chosen_of({{"X", logs}, {"layers/counts", counts}}) == "counts");
  REQUIRE(chosen_of({{"X", logs}, {"layers/counts", noisy(counts)}}) ==
          "counts");
  REQUIRE(chosen_of({{"X", negative(counts)}, {"raw/X", counts}}) == "raw");
  REQUIRE(
      chosen_of({{"X", logs}, {"raw/X", counts}, {"layers/counts", counts}}) ==
      "counts");
  REQUIRE(
      chosen_of({{"X", logs}, {"raw/X", counts}, {"layers/counts", logs}}) ==
      "raw");
  REQUIRE(chosen_of({{"X", logs}, {"layers/a", counts}, {"layers/b", logs}}) ==
          "a");
  // Files without counts are left to the check of counts, which names them.
  REQUIRE(chosen_of({{"X", logs}}) == "X");
  REQUIRE(chosen_of({{"X", logs}, {"raw/X", logs}}) == "X");
  REQUIRE(chosen_of({{"layers/a", counts}, {"layers/b", logs}}) == "a");
  // A matrix of zeros is kept, but does not count as counts.
  const Counts none{kCells, kFeatures, std::vector<float>(kCells * kFeatures)};
  REQUIRE(chosen_of({{"X", none}, {"raw/X", counts}}) == "raw");
  REQUIRE(chosen_of({{"X", none}}) == "X");
  // Neither does text.
  TemporaryFile file(".h5ad");
  write_object(file.path(), {{"raw/X", counts}});
  {
    const hid_t handle =
        H5Fopen(file.path().c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Lcreate_soft("/obs/barcode", handle, "X", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(handle);
  }
  REQUIRE(open_h5ad(file.path(), {}).matrix == "raw");
}

TEST_CASE("if counts cannot be chosen, the candidates are listed",
          "[data][hdf5]") {
  const Counts counts = some_counts();
  const Counts logs = logs_of(counts);
  REQUIRE_THROWS_WITH(
      chosen_of({{"X", logs}, {"layers/a", counts}, {"layers/b", counts}}),
      contains("choose one with 'layer': 'a', 'b'"));
  REQUIRE_THROWS_WITH(chosen_of({{"layers/a", logs}, {"raw/X", logs}}),
                      contains("no counts (whole numbers) in 'a', 'raw'"));
  REQUIRE_THROWS_WITH(chosen_of({}), contains("neither X, nor raw counts"));
  TemporaryFile file(".h5ad");
  write_object(file.path(), {{"X", logs}, {"layers/a", counts}});
  REQUIRE_THROWS_WITH(open_h5ad(file.path(), {"b"}),
                      contains("no layer 'b'; it has 'X', 'a'"));
  REQUIRE(open_h5ad(file.path(), {"X"}).matrices == Texts{"X", "a"});
  check_source(*open_h5ad(file.path(), {"X"}).source, logs);
}

TEST_CASE("raw counts have their own features", "[data][hdf5]") {
  const Counts counts = some_counts();
  const TenxParts parts(counts);
  const std::string step = GENERATE("/", ".");  // before 0.7 a dot
  TemporaryFile file(".h5ad");
  {
    Writer writer(file.path());
    const Counts few{kCells, 2, std::vector<float>(kCells * 2, 0.5f)};
    writer.matrix("X", few, H5T_IEEE_F32LE);
    TenxParts of_few(few);
    of_few.ids = {"a", "b"};
    write_tables(writer, "", of_few);
    if (step == "/") writer.group("raw");
    write_sparse(writer, "raw" + step + "X", parts);
    writer.table("raw" + step + "var", parts.ids);
  }
  const OpenedFile opened = open_h5ad(file.path(), {});
  REQUIRE(opened.matrix == "raw");
  REQUIRE(opened.features == parts.ids);
  check_source(*opened.source, counts);
  REQUIRE(open_h5ad(file.path(), {"X"}).features == Texts{"a", "b"});
}

namespace {

// Two modalities; the second has fewer cells, in another order.
void write_mudata(const std::string& path, const Counts& atac,
                  const Counts& rna) {
  Writer writer(path);
  TenxParts parts(atac);
  writer.group("mod");
  writer.group("mod/atac");
  write_sparse(writer, "mod/atac/X", parts);
  write_tables(writer, "mod/atac/", parts);
  write_tables(writer, "", parts);
  TenxParts of_rna(rna);
  std::reverse(of_rna.barcodes.begin(), of_rna.barcodes.end());
  writer.group("mod/rna");
  writer.matrix("mod/rna/X", rna, H5T_STD_I64LE);
  write_tables(writer, "mod/rna/", of_rna);
  writer.group("mod/rna/obs/type");
  writer.integers("mod/rna/obs/type/codes",
                  std::vector<int64_t>(rna.n_cells, 0), H5T_STD_I8LE);
  writer.strings("mod/rna/obs/type/categories", {"B"}, Writer::Text::kVariable);
  writer.group("mod/rna/obsm");
  Counts pca{rna.n_cells, 2, {}};
  for (int64_t k = 0; k < 2 * rna.n_cells; ++k) {
    pca.values.push_back(0.5f * static_cast<float>(k));
  }
  writer.matrix("mod/rna/obsm/X_pca", pca, H5T_IEEE_F64LE);
}

}  // namespace

TEST_CASE("modalities of MuData are AnnData objects", "[data][hdf5]") {
  const Counts atac = some_counts();
  const Counts rna = random_counts(20, 12, 4);
  TemporaryFile file(".h5mu");
  write_mudata(file.path(), atac, rna);
  REQUIRE(detect_layout(file.path()) == FileLayout::kMudata);
  REQUIRE(modalities(file.path()) == Texts{"atac", "rna"});
  const OpenedFile peaks = open_h5ad(file.path(), {"", "atac"});
  check_source(*peaks.source, atac);
  REQUIRE(peaks.source->describe().find("modality 'atac' of MuData '") == 0);
  const OpenedFile genes = open_h5ad(file.path(), {"", "rna"});
  REQUIRE(genes.cells.front() == "CELL-19");
  SparseRows rows;
  genes.source->read(0, 20, rows);
  REQUIRE(dense(rows, 12).values == rna.values);
  REQUIRE(obs_columns(file.path(), "rna") == Texts{"type"});
  REQUIRE(read_obs(file.path(), "type", "rna").categories == Texts{"B"});
  for (const std::string wrong : {"", "RNA"}) {
    REQUIRE_THROWS_WITH(open_h5ad(file.path(), {"", wrong}),
                        contains("with 'modality': 'atac', 'rna'"));
  }
  TemporaryFile single(".h5ad");
  write_h5ad(single.path(), TenxParts(atac));
  REQUIRE(modalities(single.path()).empty());
  REQUIRE_THROWS_WITH(open_h5ad(single.path(), {"", "rna"}),
                      contains("is not MuData"));
}

TEST_CASE("coordinates of cells are read by name", "[data][hdf5]") {
  TemporaryFile file(".h5mu");
  write_mudata(file.path(), some_counts(), random_counts(20, 12, 4));
  REQUIRE(obsm_names(file.path(), "rna") == Texts{"X_pca"});
  REQUIRE(obsm_names(file.path(), "atac").empty());
  const Coordinates pca = read_obsm(file.path(), "X_pca", "rna");
  REQUIRE(pca.n_cells == 20);
  REQUIRE(pca.width == 2);
  REQUIRE(pca.values[2 * 7 + 1] == 7.5);
  REQUIRE_THROWS_WITH(read_obsm(file.path(), "X_umap", "rna"),
                      contains("has no 'X_umap'; it has 'X_pca'"));
  REQUIRE_THROWS_WITH(read_obsm(file.path(), "X_umap", "atac"),
                      contains("it has nothing"));
}

TEST_CASE("old files keep coordinates as fields of one table", "[data][hdf5]") {
  struct Row {
    float pca[3];
    double one;
  };
  TemporaryFile file(".h5ad");
  {
    Writer writer(file.path());
    write_tables(writer, "", TenxParts(random_counts(4, 3)));
    std::vector<Row> rows;
    for (int k = 0; k < 4; ++k)
      rows.push_back({{1.0f * k, 0.5f, -1.0f * k}, 2.0 * k});
    const hsize_t width = 3;
    const hsize_t length = rows.size();
    const hid_t array = H5Tarray_create2(H5T_NATIVE_FLOAT, 1, &width);
    const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(Row));
    H5Tinsert(type, "X_pca", HOFFSET(Row, pca), array);
    H5Tinsert(type, "X_one", HOFFSET(Row, one), H5T_NATIVE_DOUBLE);
    const hid_t space = H5Screate_simple(1, &length, nullptr);
    const hid_t set = H5Dcreate2(writer.file(), "obsm", type, space,
                                 H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data());
    H5Dclose(set);
    H5Sclose(space);
    H5Tclose(type);
    H5Tclose(array);
  }
  REQUIRE(obsm_names(file.path()) == Texts{"X_pca", "X_one"});
  const Coordinates pca = read_obsm(file.path(), "X_pca");
  REQUIRE(pca.width == 3);
  REQUIRE(pca.values ==
          std::vector<double>{0, 0.5, 0, 1, 0.5, -1, 2, 0.5, -2, 3, 0.5, -3});
  REQUIRE(read_obsm(file.path(), "X_one").values ==
          std::vector<double>{0, 2, 4, 6});
}

TEST_CASE("10x features without ids are known by their names", "[data][hdf5]") {
  const Counts counts = some_counts();
  const TenxParts parts(counts);
  const bool third = GENERATE(true, false);
  const std::string group = third ? "matrix" : "background_removed";
  TemporaryFile file;
  {
    Writer writer(file.path());
    writer.group(group);
    if (third) writer.group("matrix/features");
    write_rows(writer, group, parts.rows, H5T_STD_I64LE, H5T_STD_I32LE, 0);
    writer.integers(group + "/shape", parts.shape, H5T_STD_I32LE);
    writer.strings(group + "/barcodes", parts.barcodes, Writer::Text::kFixed);
    writer.strings(group + (third ? "/features/name" : "/gene_names"),
                   parts.ids, Writer::Text::kFixed);
  }
  const OpenedFile opened = open_tenx(file.path(), {});
  REQUIRE(opened.features == parts.ids);
  check_source(*opened.source, counts);
}

TEST_CASE("features of one type are read if var has the types",
          "[data][hdf5]") {
  const Counts counts = some_counts();
  const TenxParts parts(counts);
  const bool dense = GENERATE(true, false);
  TemporaryFile file(".h5ad");
  {
    Writer writer(file.path());
    if (dense) {
      writer.matrix("X", counts, H5T_STD_I32LE, {10, 10});
    } else {
      write_sparse(writer, "X", parts);
    }
    write_tables(writer, "", parts);
    std::vector<int64_t> codes(kFeatures, 1);
    codes[3] = codes[30] = 0;
    codes[5] = -1;
    writer.group("var/feature_types");
    writer.integers("var/feature_types/codes", codes, H5T_STD_I8LE);
    writer.strings("var/feature_types/categories", {"Peaks", "Gene Expression"},
                   Writer::Text::kVariable);
  }
  const OpenedFile peaks = open_h5ad(file.path(), {"", "", "Peaks"});
  REQUIRE(peaks.features == Texts{parts.ids[3], parts.ids[30]});
  Counts expected{kCells, 2, {}};
  for (int64_t cell = 0; cell < kCells; ++cell) {
    expected.values.push_back(counts.at(cell, 3));
    expected.values.push_back(counts.at(cell, 30));
  }
  check_source(*peaks.source, expected);
  const H5adOptions genes{"", "", "Gene Expression"};
  REQUIRE(open_h5ad(file.path(), genes).features.size() == kFeatures - 3);
  REQUIRE(open_h5ad(file.path(), {}).features == parts.ids);
  REQUIRE(open_h5ad(file.path(), {"", "", "Antibody"}).features == parts.ids);
}

}  // namespace data_h5ad_test
