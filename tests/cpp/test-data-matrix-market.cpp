// Tests reading counts from MatrixMarket text.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "../../src/core/data/readers/matrix_market.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"
#include "source_checks.h"

namespace data_matrix_market_test {

using namespace sailer;
using namespace sailer_test;

namespace {

using Order = MatrixMarketReader::Order;

constexpr int64_t kCells = 53;
constexpr int64_t kFeatures = 31;

struct Entry {
  int64_t feature, cell;
  float value;
};

std::vector<Entry> entries_of(const Counts& counts) {
  std::vector<Entry> entries;
  for (int64_t cell = 0; cell < counts.n_cells; ++cell) {
    for (int64_t f = 0; f < counts.n_features; ++f) {
      if (counts.at(cell, f) != 0) {
        entries.push_back({f, cell, counts.at(cell, f)});
      }
    }
  }
  return entries;
}

std::string text_of(const std::vector<Entry>& entries, bool cells_in_rows,
                    const std::string& field = "integer") {
  std::ostringstream text;
  text << "%%MatrixMarket matrix coordinate " << field << " general\n"
       << "%metadata_json: {\"software_version\": \"x\"}\n";
  text << (cells_in_rows ? kCells : kFeatures) << ' '
       << (cells_in_rows ? kFeatures : kCells) << ' ' << entries.size() << '\n';
  for (const Entry& entry : entries) {
    text << 1 + (cells_in_rows ? entry.cell : entry.feature) << ' '
         << 1 + (cells_in_rows ? entry.feature : entry.cell);
    if (field != "pattern") text << ' ' << entry.value;
    text << '\n';
  }
  return text.str();
}

MatrixMarketReader reader_of(Order order, Packed values = Packed::kCounts,
                             FeatureMap map = {}, int64_t n_kept = 0) {
  StoreOptions store;
  store.description = "a file";
  store.values = values;
  return MatrixMarketReader(
      "a.mtx", {kFeatures, kCells, std::move(map), n_kept}, order, store);
}

// Adds the text in pieces of `size` bytes.
bool add(MatrixMarketReader& reader, const std::string& text, size_t size) {
  for (size_t at = 0; at < text.size(); at += size) {
    const size_t n = std::min(size, text.size() - at);
    if (!reader.add(text.data() + at, static_cast<int64_t>(n))) return false;
  }
  return true;
}

CellSourcePtr read(const std::string& text, Order order = Order::kAny,
                   Packed packing = Packed::kCounts) {
  MatrixMarketReader reader = reader_of(order, packing);
  REQUIRE(add(reader, text, text.size()));
  return reader.finish();
}

const char* const kHead = "%%MatrixMarket matrix coordinate integer general\n";

void check_refused(const std::string& text, const std::string& message) {
  MatrixMarketReader reader = reader_of(Order::kByCells);
  auto use = [&] {
    add(reader, text, 7);
    reader.finish();
  };
  REQUIRE_THROWS_WITH(use(), contains(message));
}

}  // namespace

TEST_CASE("MatrixMarket text reads as the matrix, in any order", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  std::vector<Entry> entries = entries_of(counts);
  for (bool cells_in_rows : {false, true}) {
    const std::string text = text_of(entries, cells_in_rows);
    for (size_t size : {size_t{1}, size_t{13}, text.size()}) {
      MatrixMarketReader reader = reader_of(Order::kByCells);
      REQUIRE(add(reader, text, size));
      const CellSourcePtr source = reader.finish();
      REQUIRE(reader.in_order());
      check_source(*source, counts);
    }
  }
  std::shuffle(entries.begin(), entries.end(), std::mt19937(2));
  for (bool cells_in_rows : {false, true}) {
    check_source(*read(text_of(entries, cells_in_rows)), counts);
  }
}

TEST_CASE("entries without values are ones, and fractions are allowed",
          "[data]") {
  Counts counts = random_counts(kCells, kFeatures);
  const std::string pattern = text_of(entries_of(counts), false, "pattern");
  for (float& value : counts.values) value = value > 0 ? 1.0f : 0.0f;
  check_source(*read(pattern), counts);
  // Blanks, an explicit zero, Windows line ends, no line end at the end.
  const CellSourcePtr source =
      read(std::string("%%MatrixMarket\tmatrix Coordinate Real general\r\n") +
           "%\r\n\r\n 31 53  3\r\n1 1\t0\r\n2 1 2.5e-1 \r\n3 53 7");
  SparseRows rows;
  source->read(0, kCells, rows);
  REQUIRE(rows.indices == std::vector<int32_t>{1, 2});
  REQUIRE(rows.values == std::vector<float>{0.25f, 7.0f});
  REQUIRE(rows.offsets[1] == 1);
}

TEST_CASE("features that were not requested are not kept", "[data]") {
  const Counts counts = random_counts(kCells, kFeatures);
  FeatureMap map(kFeatures, -1);
  Counts kept{kCells, 0, {}};
  for (int32_t f = 1; f < kFeatures; f += 3) {
    map[f] = static_cast<int32_t>(kept.n_features++);
  }
  for (int64_t cell = 0; cell < kCells; ++cell) {
    for (int64_t f = 1; f < kFeatures; f += 3) {
      kept.values.push_back(counts.at(cell, f));
    }
  }
  MatrixMarketReader reader =
      reader_of(Order::kByCells, Packed::kCounts, map, kept.n_features);
  REQUIRE(add(reader, text_of(entries_of(counts), false), 100));
  check_source(*reader.finish(), kept);
}

// More entries than are packed at once, so that cells are packed before the end
// of the file.
TEST_CASE("long files are packed while they are read, if they are sorted",
          "[data]") {
  constexpr int64_t kMany = 1100000;
  const auto text = [](bool sorted) {
    std::string out = kHead + std::string("31 1100000 1100000\n");
    for (int64_t k = 0; k < kMany; ++k) {
      const int64_t cell = sorted ? k : (k + 1) % kMany;
      out += std::to_string(1 + cell % 31) + ' ' + std::to_string(cell + 1) +
             " 2\n";
    }
    return out;
  };
  TemporaryFile place("");
  std::filesystem::create_directory(place.path());
  const auto check = [&](bool sorted, Order order) {
    StoreOptions store;
    store.folder = place.path();
    store.memory_bytes = 0;
    MatrixMarketReader reader("a.mtx", {kFeatures, kMany, {}, 0}, order, store);
    const bool good = add(reader, text(sorted), 1 << 16);
    REQUIRE(good == reader.in_order());
    if (!good) return false;
    const CellSourcePtr source = reader.finish();
    SparseRows rows;
    source->read(kMany - 3, 3, rows);
    REQUIRE(source->n_cells() == kMany);
    REQUIRE(rows.offsets == std::vector<int64_t>{0, 1, 2, 3});
    REQUIRE(rows.indices[2] == (kMany - 1) % 31);
    const auto packed = std::dynamic_pointer_cast<Store>(source);
    REQUIRE(packed->bytes_in_memory() == 0);
    return true;
  };
  REQUIRE(check(true, Order::kByCells));
  REQUIRE_FALSE(check(false, Order::kByCells));
  REQUIRE(check(false, Order::kAny));
}

TEST_CASE("an invalid MatrixMarket file is refused with the line", "[data]") {
  const std::string head = kHead;
  check_refused("barcode\tx\n", "Line 1 of the file 'a.mtx' is 'barcode?x'");
  check_refused("", "before its first entry");
  check_refused("%%MatrixMarket matrix array real general\n31 53\n",
                "a general coordinate matrix");
  check_refused("%%MatrixMarket matrix coordinate complex general\n",
                "Line 1 ");
  check_refused("%%MatrixMarket matrix coordinate real symmetric\n", "Line 1 ");
  check_refused(head + "%\n31 53\n", "Line 3 ");
  check_refused(head + "30 53 1\n1 1 1\n",
                "30 rows and 53 columns, but the files beside it name 31 "
                "features and 53 cells");
  check_refused(head + "31 53 2\n1 1 1\n0 2 1\n",
                "Line 4 of the file 'a.mtx' has an entry in row 0 and column "
                "2, but the matrix has 31 rows and 53 columns, counted from 1");
  check_refused(head + "31 53 1\n32 1 1\n", "row 32");
  check_refused(head + "31 53 1\n1 54 1\n", "column 54");
  check_refused(head + "31 53 1\n1 1 NA\n", "Line 3 ");
  check_refused(head + "31 53 1\n1 1\n", "a row, a column and a count");
  check_refused(head + "31 53 1\n1 1 1 1\n", "Line 3 ");
  check_refused(head + "31 53 1\n1.5 1 1\n", "Line 3 ");
  check_refused(head + "31 53 1\n-1 1 1\n", "Line 3 ");
  check_refused(head + "31 53 1\n1 1 1\n2 1 1\n", "one entry more than the 1 ");
  check_refused(head + "31 53 3\n1 1 1\n2 1 1\n",
                "ends after line 4, with 2 of the 3 entries");
  check_refused(head + "31 53 3\n1 1 1\n2 1",
                "ends after line 3, with 1 of the 3 entries");
}

TEST_CASE("counts of MatrixMarket text are checked like any others", "[data]") {
  const auto problem_of = [](const std::string& entries, int64_t n,
                             Packed packing) {
    MatrixMarketReader reader = reader_of(Order::kByCells, packing);
    add(reader, kHead + ("31 53 " + std::to_string(n)) + "\n" + entries, 9);
    REQUIRE(reader.finish() == nullptr);
    return reader.problem();
  };
  CountProblem problem = problem_of("3 2 -1\n", 1, Packed::kCounts);
  REQUIRE(problem.kind == CountProblem::Kind::kNegative);
  REQUIRE(problem.cell == 1);
  REQUIRE(problem.feature == 2);
  problem = problem_of("3 2 0.5\n", 1, Packed::kOpen);
  REQUIRE(problem.kind == CountProblem::Kind::kFractional);
  problem = problem_of("3 2 nan\n", 1, Packed::kCounts);
  REQUIRE(problem.kind == CountProblem::Kind::kNotANumber);
  problem = problem_of("3 2 1\n3 2 1\n", 2, Packed::kOpen);
  REQUIRE(problem.kind == CountProblem::Kind::kDuplicate);
}

}  // namespace data_matrix_market_test
