// Unusable files: each is refused with its name, and none ends the process.

#include <filesystem>
#include <fstream>

#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/data/readers/opened_file.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"

namespace data_bad_files_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// The error message of opening the file and reading all of it, or "".
std::string refusal(const std::string& path) {
  try {
    OpenedFile opened = detect_layout(path) == FileLayout::kTenx
                            ? open_tenx(path, {})
                            : open_h5ad(path, {});
    SparseRows rows;
    opened.source->read(0, opened.source->n_cells(), rows);
  } catch (const Error& error) {
    REQUIRE((error.kind() == ErrorKind::kFile ||
             error.kind() == ErrorKind::kArgument));
    return error.what();
  }
  return "";
}

void check_refusal(const std::string& path, const std::string& part) {
  const std::string message = refusal(path);
  INFO("message: " << message);
  REQUIRE(message.find(part) != std::string::npos);
  REQUIRE(message.find(path) != std::string::npos);
}

// The position in the file of a dataset's first chunk.
std::streamoff first_chunk(const std::string& path, const std::string& name) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  const hsize_t origin = 0;
  unsigned mask = 0;
  haddr_t address = 0;
  hsize_t size = 0;
  H5Dget_chunk_info_by_coord(set, &origin, &mask, &address, &size);
  H5Dclose(set);
  H5Fclose(file);
  return static_cast<std::streamoff>(address);
}

TenxParts some_parts() { return TenxParts(random_counts(40, 30)); }

}  // namespace

TEST_CASE("a file that is not HDF5 is refused", "[data][hdf5]") {
  TemporaryFile file;
  SECTION("missing") { check_refusal(file.path(), "does not exist"); }
  SECTION("empty") {
    std::ofstream(file.path()).close();
    check_refusal(file.path(), "is empty");
  }
  SECTION("text") {
    std::ofstream(file.path()) << "%%MatrixMarket matrix coordinate\n1 1 1\n";
    check_refusal(file.path(), "is not an HDF5 file");
  }
  SECTION("a folder") {
    REQUIRE_THROWS_WITH(
        detect_layout(std::filesystem::temp_directory_path().string()),
        contains("is a folder"));
  }
}

TEST_CASE("a file truncated anywhere is refused", "[data][hdf5]") {
  TemporaryFile whole;
  for (bool tenx : {true, false}) {
    if (tenx) {
      write_tenx3(whole.path(), some_parts());
    } else {
      write_h5ad(whole.path(), some_parts());
    }
    REQUIRE(refusal(whole.path()).empty());
    const auto size = std::filesystem::file_size(whole.path());
    for (double share : {0.0005, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99}) {
      TemporaryFile cut;
      std::filesystem::copy_file(whole.path(), cut.path());
      std::filesystem::resize_file(
          cut.path(), 1 + static_cast<uintmax_t>(share * double(size)));
      const std::string message = refusal(cut.path());
      INFO("kept " << share << ": " << message);
      REQUIRE_FALSE(message.empty());
      REQUIRE(message.find(cut.path()) != std::string::npos);
    }
  }
}

TEST_CASE("corrupt bytes in compressed data are refused", "[data][hdf5]") {
  TemporaryFile file;
  write_tenx3(file.path(), some_parts());
  for (const std::string name : {"indptr", "indices", "data"}) {
    const auto place = first_chunk(file.path(), "matrix/" + name);
    std::fstream stream(file.path(),
                        std::ios::in | std::ios::out | std::ios::binary);
    std::string kept(8, '\0');
    stream.seekg(place + 4);
    stream.read(kept.data(), 8);
    stream.seekp(place + 4);
    stream.write("\xff\x7f\xff\xff\x00\x13\x37\xff", 8);
    stream.flush();
    check_refusal(file.path(), "'matrix/" + name + "'");
    stream.seekp(place + 4);
    stream.write(kept.data(), 8);
    stream.close();
    REQUIRE(refusal(file.path()).empty());
  }
}

TEST_CASE("HDF5 of an unknown layout is refused with what was found",
          "[data][hdf5]") {
  TemporaryFile file;
  {
    Writer writer(file.path());
    writer.group("assays");
    writer.numbers("weights", {1, 2}, H5T_IEEE_F64LE);
  }
  check_refusal(file.path(), "Found: 'assays', 'weights'");
  {
    Writer writer(file.path());
    for (const std::string& name : numbered("group", 12)) writer.group(name);
  }
  check_refusal(file.path(), "'group4', 'group5', ...");
  { Writer writer(file.path()); }
  check_refusal(file.path(), "Found: nothing");
}

TEST_CASE("inconsistent parts of a 10x file are named", "[data][hdf5]") {
  TemporaryFile file;
  TenxParts parts = some_parts();
  SECTION("indptr too short") {
    parts.rows.indptr.pop_back();
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "'matrix/indptr'");
  }
  SECTION("indptr does not start at 0") {
    parts.rows.indptr[0] = 1;
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "must start at 0, but starts at 1");
  }
  SECTION("indptr decreases") {
    parts.rows.indptr[9] = parts.rows.indptr[11] + 1;
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "must not decrease, but decreases after cell");
  }
  SECTION("indptr beyond indices") {
    parts.rows.indptr.back() += 5;
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "'matrix/indices'");
  }
  SECTION("fewer data than indices") {
    parts.rows.data.pop_back();
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "'matrix/data'");
  }
  SECTION("an index beyond the features") {
    parts.rows.indices[100] = 30;
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "names feature 30");
  }
  SECTION("an index beyond 32 bits") {
    parts.rows.indices[100] = int64_t{1} << 40;
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "'matrix/indices'");
  }
  SECTION("a negative index") {
    parts.rows.indices[0] = -1;
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "names feature -1 in cell 1");
  }
  SECTION("too few barcodes") {
    parts.barcodes.pop_back();
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "'matrix/barcodes'");
  }
  SECTION("too few features") {
    parts.ids.pop_back();
    write_tenx3(file.path(), parts);
    check_refusal(file.path(), "'matrix/features/id'");
  }
  SECTION("a shape of three numbers") {
    parts.shape.push_back(1);
    write_tenx2(file.path(), parts);
    check_refusal(file.path(), "'hg19/shape'");
  }
  SECTION("an impossible shape") {
    parts.shape = {int64_t{1} << 30, -1};
    write_tenx2(file.path(), parts);
    check_refusal(file.path(), "impossible");
  }
}

TEST_CASE("non-numeric data are refused", "[data][hdf5]") {
  TemporaryFile file;
  const TenxParts parts = some_parts();
  {
    Writer writer(file.path());
    writer.group("matrix");
    writer.integers("matrix/indptr", parts.rows.indptr, H5T_STD_I64LE);
    writer.integers("matrix/indices", parts.rows.indices, H5T_STD_I64LE);
    writer.strings("matrix/data", numbered("x", parts.rows.data.size()),
                   Writer::Text::kVariable);
    writer.integers("matrix/shape", parts.shape, H5T_STD_I32LE);
  }
  check_refusal(file.path(), "holds strings, but numbers were expected");
}

TEST_CASE("one of several genomes must be chosen", "[data][hdf5]") {
  TemporaryFile file;
  const TenxParts parts = some_parts();
  {
    Writer writer(file.path());
    for (const std::string genome : {"hg19", "mm10"}) {
      writer.group(genome);
      write_rows(writer, genome, parts.rows, H5T_STD_I64LE, H5T_STD_I32LE, 0);
      writer.integers(genome + "/shape", parts.shape, H5T_STD_I32LE);
    }
  }
  check_refusal(file.path(), "'hg19', 'mm10'");
  REQUIRE(open_tenx(file.path(), {"mm10", ""}).source->n_cells() == 40);
  REQUIRE_THROWS_WITH(open_tenx(file.path(), {"hg38", ""}),
                      contains("no 10x matrix in group 'hg38'"));
}

TEST_CASE("h5ad matrices that cannot be streamed are refused", "[data][hdf5]") {
  TemporaryFile file(".h5ad");
  TenxParts parts = some_parts();
  SECTION("stored by features") {
    write_h5ad(file.path(), parts, "csc_matrix");
    check_refusal(file.path(), "adata.X = scipy.sparse.csr_matrix(adata.X)");
    check_refusal(file.path(), "HDF5Array::H5ADMatrix(");
  }
  SECTION("unknown encoding") {
    write_h5ad(file.path(), parts, "coo_matrix");
    check_refusal(file.path(), "unknown encoding 'coo_matrix'");
  }
  SECTION("dense, but no matrix") {
    Writer writer(file.path());
    writer.numbers("X", {1, 2, 3}, H5T_IEEE_F32LE);
    write_tables(writer, "", parts);
    check_refusal(file.path(), "'X' of '");
    check_refusal(file.path(), "is not a numeric matrix");
  }
  SECTION("dense, with more features than can be counted") {
    {
      Writer writer(file.path());
      writer.empty_matrix("X", {2, hsize_t{1} << 31}, {1, 1 << 10});
      write_tables(writer, "", parts);
    }
    check_refusal(file.path(), "has 2147483648 features");
  }
  SECTION("names of the wrong length") {
    parts.ids.pop_back();
    write_h5ad(file.path(), parts);
    check_refusal(file.path(), "'var'");
  }
}

}  // namespace data_bad_files_test
