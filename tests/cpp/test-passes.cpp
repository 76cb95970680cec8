#include "core/training/passes.h"

#include "catch.h"
#include "stream_sources.h"
#include "torch_helpers.h"
#include "trainer_helpers.h"

namespace passes_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// More cells than a pass processes at once.
constexpr int64_t kMany = 700;

BatchStream stream_of_many(int64_t batch_size) {
  StreamOptions options;
  options.batch_size = batch_size;
  options.thinning = {0.5, 0.9};
  const ConfounderMatrix none =
      confounders_of_numbers(1, std::vector<float>(kMany, 0));
  return BatchStream(source_of_peaks(random_peaks(kMany, kPeaks, 0.3), kPeaks),
                     all_places(kPeaks), none, options);
}

SailerModel model_of_many() {
  return SailerModel(small_model(), PeakLayout({kPeaks}), 1, {}, 1);
}

// All cells as one minibatch.
SparseBatch all_of(BatchStream& stream) {
  stream.set_batch_size(kMany);
  stream.set_thinning({});
  stream.start(first_cells(kMany), 0);
  SparseBatch batch;
  REQUIRE(stream.next(batch));
  return batch;
}

}  // namespace

TEST_CASE("posteriors of cells are those of the encoder", "[passes]") {
  const SailerModel model = model_of_many();
  BatchStream stream = stream_of_many(50);
  Monitor silent;
  const CellPosteriors got = posteriors_of_cells(model, stream, silent);
  REQUIRE(got.mean.size() == kMany * 2);
  REQUIRE(got.log_variance.size() == kMany * 2);
  const at::NoGradGuard no_grad;
  const Posterior expected = model.encode(all_of(stream), false);
  for (int64_t i = 0; i < kMany; ++i) {
    for (int64_t k = 0; k < 2; ++k) {
      REQUIRE(got.mean[i * 2 + k] ==
              Approx(expected.mean[i][k].item<double>()).margin(1e-5));
      REQUIRE(got.log_variance[i * 2 + k] ==
              Approx(expected.log_variance[i][k].item<double>()).margin(1e-5));
    }
  }
}

TEST_CASE("a pass does not depend on the minibatches of its stream",
          "[passes]") {
  SailerModel model = model_of_many();
  BatchStream one = stream_of_many(50), other = stream_of_many(kMany);
  Monitor silent;
  const CellPosteriors got = posteriors_of_cells(model, one, silent);
  REQUIRE(got.mean == posteriors_of_cells(model, other, silent).mean);
  const std::vector<int64_t> cells = odd_order(kMany);
  REQUIRE(evaluate_cells(model, one, cells).mean.elbo ==
          evaluate_cells(model, other, cells).mean.elbo);
  REQUIRE(one.batch_size() == 50);
  REQUIRE(other.batch_size() == kMany);
}

TEST_CASE("a validation is the mean over its cells", "[passes]") {
  SailerModel model = model_of_many();
  BatchStream stream = stream_of_many(50);
  const SailerModel::Evaluation got =
      evaluate_cells(model, stream, first_cells(kMany)).mean;
  at::Generator generator = make_generator(at::kCPU, 0);
  const SailerModel::Evaluation whole =
      model.evaluate(all_of(stream), generator);
  REQUIRE(got.log_likelihood == Approx(whole.log_likelihood).epsilon(1e-5));
  REQUIRE(got.kl == Approx(whole.kl).epsilon(1e-5));
}

TEST_CASE("a pass can be stopped after each block", "[passes]") {
  const SailerModel model = model_of_many();
  BatchStream stream = stream_of_many(50);
  Stopper at_once(0), after_one(1), after_all(2);
  REQUIRE(posteriors_of_cells(model, stream, at_once).mean.empty());
  const CellPosteriors stopped = posteriors_of_cells(model, stream, after_one);
  REQUIRE(stopped.mean.empty());
  REQUIRE(stopped.log_variance.empty());
  REQUIRE(posteriors_of_cells(model, stream, after_all).mean.size() ==
          kMany * 2);
  SparseBatch batch;
  REQUIRE_FALSE(stream.next(batch));
}

}  // namespace passes_test
