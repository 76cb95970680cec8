// Minibatches that a thread makes ahead of time: the same bits, errors that
// reach the caller, and stops at any time. Also starts in the middle of an
// order.
#include <chrono>
#include <thread>

#include "catch.h"
#include "core/data/stream/batch_stream.h"
#include "core/training/sampler.h"
#include "stream_sources.h"
#include "torch_helpers.h"

namespace batch_stream_ahead_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 211;
constexpr int32_t kPeaks = 30;
constexpr int64_t kBatch = 8;

struct Case {
  bool forwards;    // the source is a reader
  size_t prefetch;  // 0: no thread
};

StreamOptions options_of(const Case& one) {
  StreamOptions options;
  options.batch_size = kBatch;
  options.prefetch = one.prefetch;
  options.thinning = {0.2, 0.6};
  return options;
}

std::shared_ptr<ForwardSource> forward_source() {
  return std::make_shared<ForwardSource>(
      source_of_peaks(random_peaks(kCells, kPeaks, 0.4), kPeaks));
}

CellSourcePtr source_of(const Case& one) {
  if (one.forwards) return forward_source();
  return source_of_peaks(random_peaks(kCells, kPeaks, 0.4), kPeaks);
}

std::vector<SparseBatch> rest_of(BatchStream& stream) {
  std::vector<SparseBatch> batches;
  SparseBatch batch;
  while (stream.next(batch)) batches.push_back(batch);
  return batches;
}

void require_same(const SparseBatch& a, const SparseBatch& b) {
  REQUIRE(at::equal(a.target.offsets, b.target.offsets));
  REQUIRE(at::equal(a.target.indices, b.target.indices));
  REQUIRE(at::equal(a.input.offsets, b.input.offsets));
  REQUIRE(at::equal(a.input.indices, b.input.indices));
  REQUIRE(at::equal(a.confounders, b.confounders));
  REQUIRE(at::equal(a.cell_scale, b.cell_scale));
  REQUIRE(a.host_offsets == b.host_offsets);
}

void require_same(const std::vector<SparseBatch>& a,
                  const std::vector<SparseBatch>& b) {
  REQUIRE(a.size() == b.size());
  for (size_t k = 0; k < a.size(); ++k) require_same(a[k], b[k]);
}

}  // namespace

TEST_CASE("neither a thread nor a file changes the bits of a minibatch") {
  const std::vector<int64_t> order = odd_order(kCells);
  const auto batches = [&](const Case& one) {
    BatchStream stream(source_of(one), reversed_even(kPeaks),
                       cell_numbers(kCells), options_of(one));
    stream.start(order, 5);
    return rest_of(stream);
  };
  const std::vector<SparseBatch> plain = batches({false, 0});
  REQUIRE(plain.size() == 27);
  for (const Case& one :
       {Case{false, 3}, Case{true, 0}, Case{true, 1}, Case{true, 4}}) {
    require_same(batches(one), plain);
  }
}

TEST_CASE("an order resumed at any minibatch has the same minibatches") {
  const Case one = GENERATE(Case{false, 3}, Case{true, 0}, Case{true, 2});
  const auto make = [&] {
    return std::make_unique<BatchStream>(source_of(one), all_places(kPeaks),
                                         cell_numbers(kCells), options_of(one));
  };
  auto whole = make();
  const std::vector<int64_t> order = epoch_order(first_cells(kCells), 4);
  whole->start(order, 9);
  const std::vector<SparseBatch> all = rest_of(*whole);
  for (size_t from = 0; from < all.size(); ++from) {
    auto resumed = make();
    resumed->start(order, 9, static_cast<int64_t>(from) * kBatch);
    require_same(rest_of(*resumed), {all.begin() + from, all.end()});
  }
  auto after = make();
  after->start(order, 9, kCells);
  SparseBatch none;
  REQUIRE_FALSE(after->next(none));
}

TEST_CASE("the thinning of a minibatch depends on the seed and its position") {
  const Case one{false, 0};
  BatchStream stream(source_of(one), all_places(kPeaks), cell_numbers(kCells),
                     options_of(one));
  const auto inputs = [&](uint64_t seed) {
    // The same cell in every position.
    stream.start(std::vector<int64_t>(4 * kBatch, 3), seed);
    return rest_of(stream);
  };
  const auto first = inputs(1), again = inputs(1), other = inputs(2);
  for (size_t k = 0; k < 4; ++k) {
    REQUIRE(at::equal(first[k].input.indices, again[k].input.indices));
    REQUIRE_FALSE(at::equal(first[k].input.indices, other[k].input.indices));
    for (size_t j = 0; j < k; ++j) {
      REQUIRE_FALSE(at::equal(first[k].input.indices, first[j].input.indices));
    }
  }
}

TEST_CASE("errors of the source reach the caller, and the stream can restart") {
  const size_t prefetch = GENERATE(0, 1, 4);
  auto source = forward_source();
  source->entry_weight = 10000;  // about 8 cells per block
  const Case one{true, prefetch};
  BatchStream stream(source, all_places(kPeaks), cell_numbers(kCells),
                     options_of(one));
  const std::vector<int64_t> order = first_cells(kCells);
  stream.start(order, 1);
  const std::vector<SparseBatch> good = rest_of(stream);
  BatchStream broken(source, all_places(kPeaks), cell_numbers(kCells),
                     options_of(one));
  source->bad_cell = 150;
  broken.start(order, 1);
  std::vector<SparseBatch> served;
  const auto serve = [&] {
    SparseBatch batch;
    while (broken.next(batch)) served.push_back(batch);
  };
  try {
    serve();
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    REQUIRE(error.kind() == ErrorKind::kFile);
    REQUIRE(std::string(error.what()) == "Cell 17 cannot be read.");
  }
  // What was read before the bad block is right, and the error persists.
  REQUIRE(served.size() <= 150 / kBatch);
  for (size_t k = 0; k < served.size(); ++k) require_same(served[k], good[k]);
  REQUIRE_THROWS_AS(serve(), Error);
  source->bad_cell = -1;
  broken.start(order, 1);
  require_same(rest_of(broken), good);
}

TEST_CASE("a stream can be stopped at any time") {
  auto source = forward_source();
  const Case one{true, 3};
  for (int wait : {0, 1}) {
    for (int served : {0, 1, 20, 27}) {
      BatchStream stream(source, all_places(kPeaks), cell_numbers(kCells),
                         options_of(one));
      SparseBatch batch;
      for (int round = 0; round < 3; ++round) {  // each cuts off the previous
        stream.start(odd_order(kCells), 1);
        for (int k = 0; k < served; ++k) REQUIRE(stream.next(batch));
      }
      // With and without time for the thread to fill its queue.
      if (wait > 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (served == 20) {
        stream.stop();
        REQUIRE_FALSE(stream.next(batch));
      }
    }
  }
}

TEST_CASE("cells of a reader are read by the calling thread") {
  auto source = forward_source();
  source->entry_weight = 10000;
  BatchStream stream(source, all_places(kPeaks), cell_numbers(kCells),
                     options_of({true, 2}));
  stream.start(first_cells(kCells), 1);
  SparseBatch batch;
  REQUIRE(source->n_cells_read == 0);
  REQUIRE(stream.next(batch));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  REQUIRE(source->n_cells_read < 20);
  REQUIRE(rest_of(stream).size() == 26);
  REQUIRE(source->n_cells_read == kCells);
}

TEST_CASE("a stream before its first start serves nothing") {
  BatchStream stream(forward_source(), all_places(kPeaks), cell_numbers(kCells),
                     {});
  SparseBatch batch;
  REQUIRE_FALSE(stream.next(batch));
  stream.stop();
  stream.start({}, 1);
  REQUIRE_FALSE(stream.next(batch));
}

}  // namespace batch_stream_ahead_test
