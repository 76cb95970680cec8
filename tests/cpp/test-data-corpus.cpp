// Corpora against dense matrices: what is written is read back, for all values,
// and a stopped build resumes.

#include <limits>

#include "../../src/core/support/checksum.h"
#include "corpus_case.h"

namespace data_corpus_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// Stops after a number of calls.
class Patience : public Monitor {
 public:
  explicit Patience(int calls) : left_(calls) {}
  bool keep_going(const Progress&) override { return left_-- > 0; }

 private:
  int left_;
};

Monitor patient;

void write_one(const std::string& path, const Counts& counts,
               int64_t block_cells = 20) {
  CorpusWriter writer(path, genes_named(counts.n_features), CorpusMode::kBuild,
                      {block_cells, 1 << 20});
  REQUIRE_FALSE(writer.append({"one", source_of(counts), {}}, patient).problem);
  writer.finish();
}

}  // namespace

TEST_CASE("a corpus reads as the matrices it was made of", "[data][corpus]") {
  TemporaryFile file(".corpus");
  const CorpusCase made;
  made.build(file.path());
  const Counts expected = made.expected();
  Store source(file.path());
  check_source(source, expected);
  check_any_order(source, expected);
  REQUIRE(source.check_payloads());
  const auto& contents = source.contents();
  REQUIRE(contents.genes.symbol == numbered("S", CorpusCase::kGenes));
  REQUIRE(contents.genes.recipe == "a test");
  REQUIRE(contents.sources.size() == 2);
  REQUIRE(contents.sources[1].mark.name == "source 1");
  const Counts first = made.expected(1);
  REQUIRE(contents.sources[0].n_cells == first.n_cells);
  REQUIRE(contents.sources[0].left_out() == 70 - first.n_cells);
  REQUIRE(source.describe().find("corpus 'sailer-test-") == 0);
}

TEST_CASE("values have the narrowest type that holds them exactly",
          "[data][corpus]") {
  const float largest = std::numeric_limits<float>::max();
  const std::vector<std::pair<float, int64_t>> widths = {
      {255, 1}, {256, 2}, {65535, 2}, {65536, 4}, {0.25f, 4}, {largest, 4}};
  for (const auto& [value, width] : widths) {
    TemporaryFile file(".corpus");
    Counts counts = random_counts(80, 31);
    counts.at(40, 4) = value;  // only in the second block
    write_one(file.path(), counts);
    Store source(file.path());
    check_source(source, expected_of(counts, {}, 31));
    REQUIRE(source.contents().blocks[0].value_bytes == 1);
    REQUIRE(source.contents().blocks[1].value_bytes == width);
  }
}

TEST_CASE("a corpus may have more than 65,536 genes", "[data][corpus]") {
  TemporaryFile file(".corpus");
  SparseRows rows;
  rows.offsets = {0, 2, 3};
  rows.indices = {0, 70000, 40000};
  rows.values = {1, 2, 3};
  StoreOptions options;
  options.values = Packed::kCounts;
  StoreWriter cells(70001, options);
  REQUIRE_FALSE(cells.append(rows));
  CorpusWriter writer(file.path(), genes_named(70001), CorpusMode::kBuild);
  writer.append({"wide", cells.finish(), {}}, patient);
  writer.finish();
  Store source(file.path());
  SparseRows found;
  source.read(0, 2, found);
  REQUIRE(found.offsets == rows.offsets);
  REQUIRE(found.indices == rows.indices);
  REQUIRE(found.values == rows.values);
}

namespace {

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void seal(std::string& out, size_t from) {
  put(out, checksum_of(out.data() + from, out.size() - from));
}

void pad(std::string& out) { out.resize((out.size() + 7) / 8 * 8, '\0'); }

// Writes the corpus `path` as version 1 did: cells are located by their
// entries, genes are uint16 or uint32.
template <typename Gene>
void write_as_version_1(const std::string& path, const std::string& old_path) {
  Store source(path);
  const std::string bytes = bytes_in(path);
  const auto& contents = source.contents();
  std::string out = bytes.substr(0, 16);
  put(out, uint32_t{1});
  put(out, uint32_t{sizeof(Gene)});
  put(out, contents.head.n_genes);
  out.resize(56, '\0');
  seal(out, 0);
  size_t at = 64;
  for (const packed::Block& block : contents.blocks) {
    const auto payload_at = static_cast<size_t>(block.at);
    out += bytes.substr(at, payload_at - 80 - at);  // everything in between
    at = payload_at + static_cast<size_t>(block.payload_bytes);
    SparseRows rows;
    source.read(block.first_cell, block.n_cells, rows);
    std::string payload;
    for (int64_t offset : rows.offsets) {
      put(payload, static_cast<uint32_t>(offset));
    }
    pad(payload);
    for (int32_t gene : rows.indices) put(payload, static_cast<Gene>(gene));
    pad(payload);
    payload += bytes.substr(
        payload_at + static_cast<size_t>(block.values_at),
        static_cast<size_t>(block.payload_bytes - block.values_at));
    const size_t from = out.size();
    out += bytes.substr(payload_at - 80, 32);
    put(out, static_cast<int64_t>(payload.size()));
    out += bytes.substr(payload_at - 40, 24);
    put(out, checksum_of(payload.data(), payload.size()));
    seal(out, from);
    out += payload;
  }
  put_bytes_in(old_path, out + bytes.substr(at));
}

}  // namespace

TEST_CASE("corpora of version 1 are still read", "[data][corpus]") {
  TemporaryFile file(".corpus"), old(".corpus");
  CorpusCase made;
  made.counts[0].at(30, 4) = 300;  // two bytes in one block, float in another
  made.counts[1].at(30, 0) = 0.5f;
  made.build(file.path());
  write_as_version_1<uint16_t>(file.path(), old.path());
  Store source(old.path());
  REQUIRE(source.contents().head.version == 1);
  REQUIRE(source.check_payloads());
  check_source(source, made.expected());
  check_any_order(source, made.expected());
  const std::string bytes = bytes_in(old.path());
  REQUIRE_THROWS_WITH(made.build(old.path()),
                      contains("an earlier version of sailer"));
  REQUIRE((bytes_in(old.path()) == bytes));
  // With genes of 32 bits.
  TemporaryFile wide(".corpus"), old_wide(".corpus");
  {
    CorpusWriter writer(wide.path(), genes_named(70000), CorpusMode::kBuild);
    FeatureMap map;
    for (int32_t f = 0; f < 40; ++f) map.push_back(69999 - f * 1700);
    writer.append({"wide", source_of(made.counts[1]), map}, patient);
    writer.finish();
  }
  write_as_version_1<uint32_t>(wide.path(), old_wide.path());
  Store now(wide.path()), then(old_wide.path());
  SparseRows a, b;
  now.read(0, now.n_cells(), a);
  then.read(0, then.n_cells(), b);
  REQUIRE(a.offsets == b.offsets);
  REQUIRE(a.indices == b.indices);
  REQUIRE(a.values == b.values);
}

TEST_CASE("blocks end where they are full", "[data][corpus]") {
  TemporaryFile file(".corpus");
  Counts counts{9, 6, std::vector<float>(54, 1.0f)};
  CorpusWriter writer(file.path(), genes_named(6), CorpusMode::kBuild,
                      {100, 13});
  writer.append({"one", source_of(counts), {}}, patient);
  writer.finish();
  Store source(file.path());
  REQUIRE(source.contents().blocks.size() == 5);  // two cells of 6 genes each
  SparseRows rows;
  source.read(0, 9, rows);
  REQUIRE(dense(rows, 6).values == counts.values);
}

TEST_CASE("genes are counted once per cell, even with several features",
          "[data][corpus]") {
  const CorpusCase made;
  for (size_t k = 0; k < 2; ++k) {
    const Counts expected =
        expected_of(made.counts[k], made.maps[k], CorpusCase::kGenes);
    std::vector<int64_t> cells(CorpusCase::kGenes, 0);
    for (int64_t cell = 0; cell < expected.n_cells; ++cell) {
      for (int64_t g = 0; g < CorpusCase::kGenes; ++g) {
        cells[static_cast<size_t>(g)] += expected.at(cell, g) > 0;
      }
    }
    const GeneCells counted = count_gene_cells(
        *source_of(made.counts[k]), made.maps[k], CorpusCase::kGenes, patient);
    REQUIRE(counted.cells == cells);
    REQUIRE_FALSE(counted.stopped);
  }
}

TEST_CASE("the counts of a source are reported", "[data][corpus]") {
  TemporaryFile file(".corpus");
  CorpusCase made;
  made.counts[1].at(3, 8) = 0.5f;  // not in the vocabulary
  made.counts[1].at(4, 0) = 900.0f;
  double all = 0, kept = 0;
  int64_t n = 0;
  for (int64_t cell = 0; cell < 70; ++cell) {
    for (int64_t f = 0; f < 40; ++f) {
      const float count = made.counts[1].at(cell, f);
      all += count;
      n += count > 0;
      if (made.maps[1][static_cast<size_t>(f)] >= 0) kept += count;
    }
  }
  CorpusWriter writer(file.path(), genes_named(CorpusCase::kGenes),
                      CorpusMode::kBuild, made.limits);
  writer.append(made.input(0), patient);
  const CorpusAppended done = writer.append(made.input(1), patient);
  REQUIRE(done.all_counts == all);
  REQUIRE(done.kept_counts == kept);
  REQUIRE(done.n_counts == n);
  REQUIRE(done.n_fractional == 1);
  REQUIRE(done.largest == 900);
  REQUIRE(done.n_cells == made.expected().n_cells - made.expected(1).n_cells);
}

TEST_CASE("a stopped build resumes to the same bytes", "[data][corpus]") {
  TemporaryFile whole(".corpus"), stopped(".corpus");
  // Enough for several reads of a million entries.
  const int64_t n_cells = 5000;
  Counts counts{n_cells, 700, {}};
  counts.values.assign(static_cast<size_t>(n_cells * 700), 0.0f);
  std::mt19937 random(3);
  for (float& value : counts.values) value = float(random() % 4);
  const CorpusInput input{"one", source_of(counts), {}};
  const auto build = [&](const std::string& path, Monitor& monitor) {
    CorpusWriter writer(path, genes_named(700), CorpusMode::kBuild,
                        {500, 1 << 22});
    if (writer.append(input, monitor).stopped) return false;
    writer.finish();
    return true;
  };
  REQUIRE(build(whole.path(), patient));
  Patience brief(2);
  REQUIRE_FALSE(build(stopped.path(), brief));
  REQUIRE_THROWS_WITH(Store(stopped.path()),
                      contains("continues where it stopped"));
  const size_t kept = bytes_in(stopped.path()).size();
  REQUIRE(kept > 1000000);
  REQUIRE(build(stopped.path(), patient));
  REQUIRE((bytes_in(whole.path()) == bytes_in(stopped.path())));
  REQUIRE(build(stopped.path(), patient));  // nothing is left to do
  REQUIRE((bytes_in(whole.path()) == bytes_in(stopped.path())));
}

TEST_CASE("sources are appended to a finished corpus", "[data][corpus]") {
  TemporaryFile file(".corpus");
  const CorpusCase made;
  const auto genes = genes_named(CorpusCase::kGenes);
  {
    CorpusWriter writer(file.path(), genes, CorpusMode::kBuild, made.limits);
    writer.append(made.input(0), patient);
    writer.finish();
  }
  Store before(file.path());
  {
    CorpusWriter writer(file.path(), genes, CorpusMode::kAppend, made.limits);
    REQUIRE_THROWS_WITH(writer.append(made.input(0), patient),
                        contains("already has a source named 'source 0'"));
    REQUIRE_THROWS_WITH(CorpusWriter(file.path(), genes, CorpusMode::kAppend),
                        contains("another process is writing"));
    writer.append(made.input(1), patient);
    REQUIRE_THROWS_WITH(Store(file.path()), contains("not finished"));
    writer.finish();
  }
  Store after(file.path());
  check_source(after, made.expected());
  check_source(before, made.expected(1));  // still open and unchanged
  REQUIRE(after.check_payloads());
  const CorpusWriter again(file.path(), genes, CorpusMode::kAppend);
}

TEST_CASE("a corpus that was started differently is left unchanged",
          "[data][corpus]") {
  TemporaryFile file(".corpus");
  CorpusCase made;
  made.build(file.path());
  const std::string bytes = bytes_in(file.path());
  auto genes = genes_named(CorpusCase::kGenes);
  const auto refusal = [&](const CorpusInput& input) -> std::string {
    try {
      CorpusWriter writer(file.path(), genes, CorpusMode::kBuild, made.limits);
      writer.append(input, patient);
      writer.finish();
    } catch (const Error& error) {
      REQUIRE((bytes_in(file.path()) == bytes));
      return error.what();
    }
    return "";
  };
  const auto said = [](const std::string& message, const std::string& part) {
    INFO("message: " << message);
    return message.find(part) != std::string::npos;
  };
  CorpusInput input = made.input(0);
  REQUIRE(said(refusal(input), "2 sources, of which 1 were given"));
  input.name = "other";
  REQUIRE(said(refusal(input), "is 'source 0', not 'other'"));
  input = made.input(0);
  input.source = source_of(random_counts(71, CorpusCase::kGenes));
  REQUIRE(said(refusal(input), "70 cells, and has 31 and 71 now"));
  input = made.input(0);
  input.map.resize(CorpusCase::kGenes, 3);
  REQUIRE(said(refusal(input), "had other genes"));
  input = made.input(0);
  made.counts[0].at(69, 30) += 1;
  input.source = source_of(made.counts[0]);
  REQUIRE(said(refusal(input), "has other counts now"));
  genes.gene[3] = "another";
  REQUIRE(said(refusal(made.input(0)), "has other genes (31, here are 31)"));
}

TEST_CASE("invalid counts stop a build and are named", "[data][corpus]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  using Kind = CountProblem::Kind;
  for (const auto& [value, kind] : {std::pair<float, Kind>{-1, Kind::kNegative},
                                    {nan, Kind::kNotANumber},
                                    {inf, Kind::kInfinite}}) {
    TemporaryFile file(".corpus");
    auto packed = std::make_shared<std::vector<double>>(
        std::vector<double>{1, 2, value, 3});
    static const std::vector<int32_t> p{0, 2, 4}, i{0, 1, 0, 1};
    MatrixView view{p.data(), i.data(), packed->data(), 2, 2, 4};
    auto source = matrix_source(view, packed);
    CorpusWriter writer(file.path(), genes_named(2), CorpusMode::kBuild);
    const CorpusAppended done = writer.append({"one", source, {}}, patient);
    REQUIRE(done.problem.kind == kind);
    REQUIRE(done.problem.cell == 1);
    REQUIRE(done.problem.feature == 0);
    REQUIRE_THROWS_WITH(writer.finish(), contains("lacks cells of 'one'"));
    REQUIRE(count_gene_cells(*source, {}, 2, patient).problem.kind == kind);
  }
}

}  // namespace data_corpus_test
