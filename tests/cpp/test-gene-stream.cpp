#include <map>
#include <set>

#include "catch.h"
#include "core/data/stream/batch_gene_stream.h"
#include "expresser_helpers.h"

namespace gene_stream_test {

using namespace sailer;
using namespace sailer_test;

namespace {

struct Seen {
  std::vector<int64_t> genes, masked, bins;
  std::vector<float> targets;
  bool operator==(const Seen& other) const {
    return genes == other.genes && masked == other.masked &&
           bins == other.bins && targets == other.targets;
  }
};

template <typename T>
std::vector<T> part(const at::Tensor& x, const Segments& of, int64_t i) {
  const at::Tensor rows = x.narrow(0, of.starts[i], of.length(i)).contiguous();
  return {rows.data_ptr<T>(), rows.data_ptr<T>() + rows.numel()};
}

// What a stream serves for each cell.
std::map<int64_t, Seen> serve(GeneStreamOptions options,
                              std::vector<int64_t> order, int64_t position = 0,
                              size_t* n_pieces = nullptr) {
  GeneStream stream(two_kinds(23, 30), options);
  stream.start(std::move(order), 5, position);
  std::map<int64_t, Seen> seen;
  std::vector<GeneBatch> pieces;
  while (stream.next(pieces)) {
    size_t cell = 0;
    for (const GeneBatch& piece : pieces) {
      for (int64_t i = 0; i < piece.n_cells(); ++i) {
        Seen one;
        one.genes = part<int64_t>(piece.genes, piece.tokens, i);
        one.masked = part<int64_t>(piece.masked, piece.masked_of, i);
        for (int64_t& place : one.masked) place -= piece.tokens.starts[i];
        one.bins = part<int64_t>(piece.bins, piece.observed_of, i);
        one.targets = part<float>(piece.targets, piece.masked_of, i);
        seen[stream.cells()[cell++]] = one;
      }
      if (n_pieces != nullptr) ++*n_pieces;
      REQUIRE((piece.n_cells() == 1 ||
               piece.tokens.total() <= options.token_budget));
    }
    REQUIRE(cell == stream.cells().size());
  }
  return seen;
}

std::vector<int64_t> all_cells() {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < 23; ++i) order.push_back(i);
  return order;
}

}  // namespace

TEST_CASE("a cell's tokens do not depend on minibatches, pieces or threads") {
  GeneStreamOptions options;
  options.batch_size = 5;
  options.token_budget = 70;
  size_t n_pieces = 0;
  const auto expected = serve(options, all_cells(), 0, &n_pieces);
  REQUIRE(expected.size() == 23);
  REQUIRE(n_pieces > 10);
  options.prefetch = 0;
  REQUIRE((serve(options, all_cells()) == expected));
  options.batch_size = 9;
  options.token_budget = 10000;
  REQUIRE((serve(options, all_cells()) == expected));
  options.token_budget = 1;  // every cell is a piece
  std::vector<int64_t> turned = all_cells();
  std::reverse(turned.begin(), turned.end());
  REQUIRE((serve(options, turned) == expected));
}

TEST_CASE("a stream resumes at a position") {
  GeneStreamOptions options;
  options.batch_size = 5;
  const auto all = serve(options, all_cells());
  const auto rest = serve(options, all_cells(), 10);
  REQUIRE(rest.size() == 13);
  for (const auto& [cell, seen] : rest) REQUIRE((seen == all.at(cell)));
}

TEST_CASE("a new token budget ends the run that was served with the old one") {
  GeneStreamOptions options;
  options.batch_size = 5;
  options.token_budget = 10000;
  GeneStream stream(two_kinds(23, 30), options);
  stream.start(all_cells(), 5);
  std::vector<GeneBatch> pieces;
  REQUIRE(stream.next(pieces));
  REQUIRE(pieces.size() == 1);
  // Minibatches made ahead with the old budget are not served.
  stream.set_token_budget(1);
  REQUIRE_FALSE(stream.next(pieces));
  stream.start(all_cells(), 5);
  REQUIRE(stream.next(pieces));
  REQUIRE(pieces.size() == 5);
}

TEST_CASE("cells with fewer than two genes are skipped") {
  auto cells = std::make_shared<OwnedCells>();
  cells->genes = {3, 1, 2};
  cells->counts = {5, 1, 2};
  cells->offsets = {0, 0, 1, 3};
  GeneStream stream(source_of(cells, 4), GeneStreamOptions());
  stream.start({0, 1, 2}, 1);
  std::vector<GeneBatch> pieces;
  REQUIRE(stream.next(pieces));
  REQUIRE(pieces.size() == 1);
  REQUIRE(pieces[0].n_cells() == 1);
  REQUIRE(pieces[0].n_masked() == 1);
  stream.start({0, 1}, 1);
  REQUIRE(stream.next(pieces));
  REQUIRE(pieces.empty());
  REQUIRE_FALSE(stream.next(pieces));
}

}  // namespace gene_stream_test
