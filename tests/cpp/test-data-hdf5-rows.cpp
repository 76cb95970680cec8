// Reading open features from HDF5 files: what is learned on the way may change
// the cost and never the answer. Also the lock around the library.
#include <atomic>
#include <thread>

#include "../../src/core/data/readers/block_heads.h"
#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/data/readers/hdf5_lock.h"
#include "../../src/core/data/readers/hdf5_rows.h"
#include "../../src/core/data/readers/hdf5_session.h"
#include "../../src/core/data/readers/tenx_source.h"
#include "../../src/core/data/store/scan.h"
#include "../../src/core/data/stream/place_reader.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

using namespace sailer;
using namespace sailer_test;

namespace {

// Every cell's offset when each has `n` entries.
std::vector<int64_t> even_offsets(int64_t n_cells, int64_t n) {
  std::vector<int64_t> offsets;
  for (int64_t cell = 0; cell <= n_cells; ++cell) offsets.push_back(cell * n);
  return offsets;
}

std::vector<int32_t> numbers(int64_t begin, int64_t end) {
  std::vector<int32_t> out;
  for (int64_t k = begin; k < end; ++k) out.push_back(static_cast<int32_t>(k));
  return out;
}

}  // namespace

TEST_CASE("the head of a block is kept and saves its chunk", "[data]") {
  // Blocks of one chunk of 40,000; cells of 300: the cell 133 is the first to
  // start in block 1, at entry 40,200.
  const std::vector<int64_t> offsets = even_offsets(1000, 300);
  BlockHeads heads(offsets, 40000);
  REQUIRE(heads.block_of_entry(39900) == 0);
  REQUIRE(heads.block_of_entry(40200) == 1);
  // Unknown yet: block 0 is read with the end of its last cell.
  REQUIRE(heads.plan(0, 40200).end == 40200);
  // Block 1 is read from the start of its chunk, for the sake of the head.
  const BlockHeads::Plan second = heads.plan(40200, 80100);
  REQUIRE(second.begin == 40000);
  REQUIRE(second.end == 80100);
  const auto entries = numbers(40000, 80100);
  heads.keep(40000, entries.data(), 40100);
  REQUIRE(heads.n_kept() == 2);  // of block 1, and of block 2 at the end
  const BlockHeads::Plan first = heads.plan(0, 40200);
  REQUIRE(first.end == 40000);
  REQUIRE(*first.tail == numbers(40000, 40200));
  REQUIRE(heads.plan(40200, 80100).begin == 40200);
  REQUIRE(*heads.plan(40200, 80100).tail == numbers(80000, 80100));
  // Within a block, or beyond a head, nothing is saved.
  REQUIRE(heads.plan(40200, 60000).tail == nullptr);
  REQUIRE(heads.plan(0, 40500).tail == nullptr);
  REQUIRE(heads.plan(0, 40500).end == 40500);
}

TEST_CASE("blocks are whole chunks of some size", "[data]") {
  const auto block_entries = [](int64_t per_cell, int64_t chunk) {
    const std::vector<int64_t> offsets = even_offsets(3000, per_cell);
    const BlockHeads heads(offsets, chunk);
    int64_t entry = 0;
    while (heads.block_of_entry(entry) == 0) ++entry;
    return entry;
  };
  REQUIRE(block_entries(1000, 80000) == 80000);
  REQUIRE(block_entries(100, 9733) == 4 * 9733);      // enough for a call
  REQUIRE(block_entries(10000, 80000) == 2 * 80000);  // 16 cells
  REQUIRE(block_entries(100, 1) == 1 << 15);          // not in chunks
}

TEST_CASE("every way to read a file gives the same open features",
          "[data][hdf5]") {
  // 2,000 cells of about 60 entries in chunks of 37 or 61: some three blocks.
  const Counts counts = random_counts(2000, 600, 3);
  const bool tenx = GENERATE(true, false);
  TemporaryFile file(tenx ? ".h5" : ".h5ad");
  if (tenx) {
    write_tenx3(file.path(), TenxParts(counts));
  } else {
    write_h5ad(file.path(), TenxParts(counts));
  }
  const auto open = [&] {
    return tenx ? open_tenx(file.path(), {}).source
                : open_h5ad(file.path(), {}).source;
  };
  const std::vector<int32_t> blocks = open()->blocks();
  REQUIRE(std::is_sorted(blocks.begin(), blocks.end()));
  REQUIRE(blocks.back() >= 2);
  std::vector<int64_t> all(2000);
  std::iota(all.begin(), all.end(), int64_t{0});
  const auto expected = open_features(counts, all);
  const bool scanned = GENERATE(false, true);
  const CellSourcePtr source = open();
  if (scanned) scan(*source);
  // Block by block from the last to the first, then forwards, then some cells.
  for (const bool backwards : {true, false, true}) {
    for (int32_t k = 0; k <= blocks.back(); ++k) {
      const int32_t block = backwards ? blocks.back() - k : k;
      std::vector<int64_t> cells;
      for (int64_t cell : all) {
        if (blocks[cell] == block && (k % 2 == 0 || cell % 10 != 0)) {
          cells.push_back(cell);
        }
      }
      OpenRows rows;
      source->read_open(cells.data(), static_cast<int64_t>(cells.size()), rows);
      REQUIRE(lists_of(rows) == open_features(counts, cells));
    }
  }
  OpenRows rows;
  source->read_open(all.data(), 2000, rows);
  REQUIRE(lists_of(rows) == expected);
}

TEST_CASE("stored zeros are not open, known or unknown", "[data][hdf5]") {
  Counts counts = random_counts(60, 30);
  TenxParts parts(counts);
  // Every fifth stored count becomes a zero.
  std::vector<std::vector<int32_t>> expected(60);
  for (int64_t cell = 0; cell < 60; ++cell) {
    for (int64_t at = parts.rows.indptr[cell]; at < parts.rows.indptr[cell + 1];
         ++at) {
      if (at % 5 == 0) {
        parts.rows.data[at] = 0;
      } else {
        expected[cell].push_back(static_cast<int32_t>(parts.rows.indices[at]));
      }
    }
  }
  TemporaryFile file;
  write_tenx3(file.path(), parts);
  const CellSourcePtr source = open_tenx(file.path(), {}).source;
  std::vector<int64_t> all(60);
  std::iota(all.begin(), all.end(), int64_t{0});
  for (int pass = 0; pass < 3; ++pass) {
    OpenRows rows;
    source->read_open(all.data(), 60, rows);
    REQUIRE(lists_of(rows) == expected);
    if (pass == 0) scan(*source);
  }
}

namespace {

// 2,000 cells of 1,000 entries: more than HDF5 keeps unpacked of a dataset.
void write_long_file(const std::string& path) {
  Compressed rows;
  for (int64_t cell = 0; cell < 2000; ++cell) {
    for (int64_t k = 0; k < 1000; ++k) {
      rows.indices.push_back(3 * k + cell % 3);
      rows.data.push_back(1 + static_cast<double>(k % 2));
    }
    rows.indptr.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  Writer writer(path);
  writer.group("matrix");
  write_rows(writer, "matrix", rows, H5T_STD_I64LE, H5T_STD_I32LE, 10000);
  writer.integers("matrix/shape", {3000, 2000}, H5T_STD_I32LE);
}

// Overwrites the first chunk of the dataset by what cannot be unpacked.
void spoil(const std::string& path, const char* dataset) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, dataset, H5P_DEFAULT);
  const hsize_t first = 0;
  haddr_t place = 0;
  hsize_t size = 0;
  unsigned mask = 0;
  H5Dget_chunk_info_by_coord(set, &first, &mask, &place, &size);
  H5Dclose(set);
  H5Fclose(file);
  std::FILE* bytes = std::fopen(path.c_str(), "r+b");
  std::fseek(bytes, static_cast<long>(place), SEEK_SET);
  const std::vector<char> spoilt(static_cast<size_t>(size), '\x55');
  std::fwrite(spoilt.data(), 1, spoilt.size(), bytes);
  std::fclose(bytes);
}

}  // namespace

TEST_CASE("of cells that are known only the indices are read", "[data][hdf5]") {
  TemporaryFile file, copy;
  write_long_file(file.path());
  const CellSourcePtr source = open_tenx(file.path(), {}).source;
  REQUIRE(scan(*source).n_nonzeros == 2000000);
  // Without its counts the file still tells what is open.
  spoil(file.path(), "matrix/data");
  const std::vector<int64_t> cells = {0, 1, 2};
  OpenRows rows;
  source->read_open(cells.data(), 3, rows);
  REQUIRE(rows.offsets == std::vector<int64_t>{0, 1000, 2000, 3000});
  REQUIRE(rows.features[1999] == 2998);
  SparseRows counts;
  REQUIRE_THROWS_AS(source->read(0, 3, counts), Error);
  std::filesystem::copy_file(file.path(), copy.path());
  const CellSourcePtr unknown = open_tenx(copy.path(), {}).source;
  REQUIRE_THROWS_AS(unknown->read_open(cells.data(), 3, rows), Error);
  REQUIRE(rows.n_rows() == 3);
}

TEST_CASE("a file is streamed in pools as in one piece", "[data][hdf5]") {
  const Counts counts = random_counts(2500, 600, 8);
  TemporaryFile file;
  write_tenx3(file.path(), TenxParts(counts));
  const CellSourcePtr source = open_tenx(file.path(), {}).source;
  std::vector<int32_t> map(600);
  for (int32_t f = 0; f < 600; ++f) map[f] = f % 3 == 0 ? -1 : 599 - f;
  PlaceReader reader(source, map, {200000, 200000});
  REQUIRE_FALSE(reader.plan().any_order());
  std::vector<int64_t> order(2500);
  std::iota(order.begin(), order.end(), int64_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937(2));
  const auto open = open_features(counts, order);
  const std::atomic<bool> never{false};
  for (int epoch = 0; epoch < 2; ++epoch) {
    reader.start(order, 0);
    OpenRows rows;
    for (int k = 0; k < 25; ++k) REQUIRE(reader.read(100, rows, never));
    for (int64_t k = 0; k < 2500; ++k) {
      std::vector<int32_t> expected;
      for (int32_t f : open[k]) {
        if (map[f] >= 0) expected.push_back(map[f]);
      }
      std::sort(expected.begin(), expected.end());
      REQUIRE(std::vector<int32_t>(
                  rows.features.begin() + rows.offsets[k],
                  rows.features.begin() + rows.offsets[k + 1]) == expected);
    }
  }
}

TEST_CASE("the lock is taken again by the same thread and by one at a time",
          "[data][hdf5]") {
  int inside = 0;
  int most = 0;
  int64_t count = 0;
  const auto work = [&] {
    for (int k = 0; k < 2000; ++k) {
      const hdf5::LibraryLock outer;
      const hdf5::LibraryLock inner;
      most = std::max(most, ++inside);
      ++count;
      --inside;
    }
  };
  std::thread a(work), b(work), c(work);
  a.join();
  b.join();
  c.join();
  REQUIRE(most == 1);
  REQUIRE(count == 6000);
}

TEST_CASE("who asks for the lock is served after the stretch at hand",
          "[data][hdf5]") {
  // A reader takes the lock again and again, and lets go of it for no time.
  std::atomic<int> stretches{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      const hdf5::LibraryLock lock;
      ++stretches;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  while (stretches == 0) std::this_thread::yield();
  int soon = 0;
  for (int k = 0; k < 20; ++k) {
    const int before = stretches;
    const hdf5::LibraryLock lock;
    soon += stretches - before <= 2;
  }
  done = true;
  reader.join();
  // The stretch under way, and one that began before we asked; more only when
  // this thread was put to sleep in between.
  REQUIRE(soon >= 10);
}
