// Several processes that train SAILER or SAILERX minimise the same loss as one.
#include <algorithm>

#include "catch.h"
#include "core/models/peak_weights.h"
#include "core/support/config.h"
#include "core/training/warm_start.h"
#include "stream_sources.h"
#include "together_helpers.h"
#include "trainer_helpers.h"

namespace sailer_together_test {

using namespace sailer;
using namespace sailer_test;

// If LibTorch cannot join processes, there is nothing to test.
#if SAILER_HAS_C10D

namespace {

constexpr int64_t kDonorCells = 53, kBothCells = 2 * kDonorCells;
constexpr int32_t kDonorPeaks = 30;

// Two donors, one after the other, that open different peaks.
CellSourcePtr two_donors() {
  const OpenPeaks first = random_peaks(kDonorCells, 18, 0.4, 1);
  OpenPeaks cells = random_peaks(kDonorCells, 22, 0.3, 2);
  for (auto& cell : cells) {
    for (int32_t& p : cell) p += kDonorPeaks - 22;
  }
  cells.insert(cells.begin(), first.begin(), first.end());
  return source_of_peaks(cells, kDonorPeaks);
}

ConfounderMatrix donor_of_cells() {
  Confounders known;
  known.depth.assign(kBothCells, 1);
  known.labels = {{"donor", std::vector<int32_t>(kBothCells, 1), 2}};
  std::fill_n(known.labels[0].codes.begin(), kDonorCells, 0);
  return encode(known, {});
}

struct Case {
  SailerOptions model;
  std::vector<int64_t> groups = {kDonorPeaks};
  Reference reference;
};

Case dense(Marginal marginal) {
  Case out;
  out.model = default_options(Architecture::kDense);
  out.model.hidden = {12, 6};
  out.model.n_latent = 3;
  out.model.marginal = marginal;
  return out;
}

Case by_chromosome(bool joint) {
  Case out;
  out.model = default_options(Architecture::kChromosome, /*guided=*/true);
  out.model.hidden = {6, 4};
  out.model.n_latent = 3;
  out.model.marginal = Marginal::kPairwise;
  out.model.decoder = Decoder::kMirrored;
  out.model.alignment = 50;
  out.model.joint = joint;
  out.groups = {11, 19};
  out.reference = cell_reference(kBothCells);
  for (float& value : out.reference.values) {
    value = value == 0 ? 0 : std::sin(value);
  }
  return out;
}

// Frozen, warm-up and annealing; the last minibatch has 3 cells.
TrainOptions brief_training() {
  TrainOptions options = short_training();
  options.epochs = 6;
  options.batch_size = 23;
  options.learning_rate = 1e-2;
  options.learning_rate_decay = 0.9;
  options.weight_decay = 1e-3;
  options.frozen = 0.5;
  options.warmup = 1.5;
  options.period = 4;
  options.seed = 3;
  return options;
}

// Starts the model as training does, with passes that the processes share.
void start(SailerModel& model, const Case& of, const Split& split,
           Exchange* exchange) {
  CellRows rows;
  rows.source = two_donors();
  rows.n_columns = kDonorPeaks;
  share_rows(rows, exchange);
  const auto weights = peak_weights(
      InputScale::kTfIdf, std::vector<double>(kDonorPeaks, 0.3), kDonorPeaks);
  const bool guided = of.reference.width > 0;
  const auto lsi = lsi_of(rows, split, donor_of_cells(), weights,
                          of.model.n_latent, guided, 1);
  if (guided) {
    start_at_reference(model, rows, split, weights, of.reference,
                       donor_of_cells(), *lsi);
  } else {
    start_at(model, linear_posterior(*lsi, of.model.n_latent));
  }
}

struct Outcome {
  TrainResult result;
  std::vector<NamedTensor> state;  // of the model
};

Outcome train(const Case& of, Exchange* exchange, Monitor& monitor,
              const std::vector<NamedTensor>& from = {},
              std::vector<NamedTensor>* progress = nullptr) {
  const TrainOptions training = brief_training();
  StreamOptions streaming;
  streaming.batch_size = training.batch_size;
  streaming.type = at::kDouble;
  BatchStream stream(two_donors(), all_places(kDonorPeaks), donor_of_cells(),
                     streaming, of.reference);
  SailerModel model(of.model, PeakLayout(of.groups), 3, {}, training.seed,
                    at::kCPU, at::kDouble, of.reference.width);
  const Split split =
      split_cells(kBothCells, training.validation, training.seed);
  if (from.empty()) start(model, of, split, exchange);
  SailerTask task(model, stream, split, training, exchange);
  Trainer trainer(task, task.options().run(), {}, exchange);
  if (!from.empty()) trainer.load_state(from);
  Outcome out;
  out.result = trainer.run(monitor);
  out.state = model.parameters().state();
  if (progress != nullptr) {
    for (const NamedTensor& entry : trainer.state()) {
      progress->push_back({entry.name, entry.tensor.clone()});
    }
  }
  return out;
}

Outcome train_alone(const Case& of, const std::vector<NamedTensor>& from = {}) {
  Monitor silent;
  return train(of, nullptr, silent, from);
}

std::vector<Outcome> train_together(const Case& of, int64_t size) {
  std::vector<Outcome> out(static_cast<size_t>(size));
  together(size, [&](Exchange& exchange) {
    Monitor silent;
    out[static_cast<size_t>(exchange.rank())] = train(of, &exchange, silent);
  });
  return out;
}

// The largest difference, relative to 1 + the expected value.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double most = a.size() == b.size() ? 0 : 1e9;
  for (size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
    most = std::max(most, std::abs(a[k] - b[k]) / (1 + std::abs(b[k])));
  }
  return most;
}

void require_same_run(const Outcome& one, const Outcome& other) {
  REQUIRE(one.result.status == TrainStatus::kCompleted);
  REQUIRE(one.result.history.size() == other.result.history.size());
  for (size_t k = 0; k < one.result.history.size(); ++k) {
    CAPTURE(k);
    const EpochRecord &a = one.result.history[k], &b = other.result.history[k];
    REQUIRE(distance(a.parts, b.parts) < 1e-5);
    REQUIRE(distance(a.measures, b.measures) < 1e-5);
    REQUIRE(a.settings == b.settings);
  }
  for (size_t k = 0; k < one.state.size(); ++k) {
    CAPTURE(one.state[k].name);
    REQUIRE(
        at::allclose(one.state[k].tensor, other.state[k].tensor, 1e-5, 1e-7));
  }
}

}  // namespace

TEST_CASE("two and four processes reach the loss of one", "[together]") {
  const Case of =
      GENERATE(dense(Marginal::kMixture), dense(Marginal::kPairwise),
               by_chromosome(true), by_chromosome(false));
  const int64_t size = GENERATE(2, 4);
  CAPTURE(size, of.groups.size(), of.model.joint);
  const Outcome alone = train_alone(of);
  const std::vector<Outcome> shared = train_together(of, size);
  require_same_run(shared[0], alone);
  // Every part of the loss is present.
  const bool aligned = of.reference.width > 0;
  for (const char* part : {"reconstruction", "kl", "marginal", "alignment"}) {
    CAPTURE(part);
    const bool counts = aligned || std::string(part) != "alignment";
    REQUIRE((value_of(alone.result, 5, part) > 1e-5) == counts);
  }
  for (const Outcome& other : shared) {
    REQUIRE(same_bits(other.state, shared[0].state));
    for (size_t k = 0; k < 6; ++k) {
      REQUIRE(other.result.history[k].parts ==
              shared[0].result.history[k].parts);
      REQUIRE(other.result.history[k].measures ==
              shared[0].result.history[k].measures);
    }
  }
}

TEST_CASE("one process can resume a run of two", "[together]") {
  const Case of = dense(Marginal::kMixture);
  std::vector<NamedTensor> begun;
  together(2, [&](Exchange& exchange) {
    Stopper stopper(7);  // in the second epoch, of 5 minibatches each
    Monitor silent;
    const bool first = exchange.rank() == 0;
    train(of, &exchange, first ? static_cast<Monitor&>(stopper) : silent, {},
          first ? &begun : nullptr);
  });
  require_same_run(train_alone(of, begun), train_alone(of));
}

TEST_CASE("every held-out cell is evaluated once, by one of the processes",
          "[together]") {
  const Case of = dense(Marginal::kNone);
  SailerModel model(of.model, PeakLayout(of.groups), 1, {}, 1, at::kCPU,
                    at::kDouble);
  const int64_t n = 1100;  // blocks of 512, 512 and 76
  const ConfounderMatrix donor =
      confounders_of_numbers(1, std::vector<float>(n, 0));
  StreamOptions streaming;
  streaming.type = at::kDouble;
  BatchStream stream(
      source_of_peaks(random_peaks(n, kDonorPeaks, 0.3), kDonorPeaks),
      all_places(kDonorPeaks), donor, streaming);
  const std::vector<int64_t> cells = first_cells(n);
  const Evaluated alone = evaluate_cells(model, stream, cells);
  REQUIRE(alone.n_cells == n);
  for (int64_t size : {2, 3, 5}) {
    double elbo = 0;
    int64_t seen = 0;
    for (int64_t rank = 0; rank < size; ++rank) {
      const Evaluated part = evaluate_cells(model, stream, cells, {rank, size});
      seen += part.n_cells;
      if (part.n_cells > 0) {
        elbo += part.mean.elbo * static_cast<double>(part.n_cells);
      }
    }
    REQUIRE(seen == n);
    REQUIRE(elbo / n == Approx(alone.mean.elbo).epsilon(1e-12));
  }
}

TEST_CASE("processes embed the cells with the same bits as one", "[together]") {
  const Case of = dense(Marginal::kNone);
  const SailerModel model(of.model, PeakLayout(of.groups), 1, {}, 1);
  const int64_t n = 1100;  // blocks of 512, 512 and 76
  const CellSourcePtr source =
      source_of_peaks(random_peaks(n, kDonorPeaks, 0.3), kDonorPeaks);
  const auto embed = [&](Exchange* exchange, Monitor& monitor) {
    BatchStream stream(source, all_places(kDonorPeaks), ConfounderMatrix(), {});
    return posteriors_of_cells(model, stream, monitor, exchange);
  };
  Monitor silent;
  const CellPosteriors alone = embed(nullptr, silent);
  REQUIRE(alone.mean.size() == n * 3);
  for (const int64_t size : {2, 3, 5}) {
    std::vector<CellPosteriors> found(static_cast<size_t>(size));
    together(size, [&](Exchange& exchange) {
      Monitor patient;
      found[static_cast<size_t>(exchange.rank())] = embed(&exchange, patient);
    });
    for (const CellPosteriors& one : found) {
      REQUIRE(one.mean == alone.mean);
      REQUIRE(one.log_variance == alone.log_variance);
    }
  }
  // If one process is asked to stop, none returns an embedding of only some
  // cells.
  std::vector<CellPosteriors> found(2);
  together(2, [&](Exchange& exchange) {
    Stopper stopper(exchange.rank() == 0 ? 0 : 100);
    found[static_cast<size_t>(exchange.rank())] = embed(&exchange, stopper);
  });
  REQUIRE(found[0].mean.empty());
  REQUIRE(found[1].mean.empty());
}

TEST_CASE("a process that fails in a shared pass ends the others",
          "[together]") {
  const Case of = dense(Marginal::kNone);
  const Split split = split_cells(kBothCells, 0.1, 1);
  const bool embeds = GENERATE(false, true);
  REQUIRE_THROWS_WITH(
      together(2,
               [&](Exchange& exchange) {
                 SailerModel model(of.model, PeakLayout(of.groups), 1, {}, 1);
                 if (exchange.rank() == 1) {
                   exchange.leave("Cell 17 cannot be read.");
                 } else if (embeds) {
                   BatchStream stream(two_donors(), all_places(kDonorPeaks),
                                      ConfounderMatrix(), {});
                   Monitor silent;
                   posteriors_of_cells(model, stream, silent, &exchange);
                 } else {
                   start(model, of, split, &exchange);
                 }
               }),
      "Process 1 of 2 failed: Cell 17 cannot be read.");
}

TEST_CASE("a process that cannot read its cells reports that to the others",
          "[together]") {
  const Case of = dense(Marginal::kMixture);
  struct Damaged : Monitor {
    bool keep_going(const Progress& progress) override {
      if (progress.epoch == 2) {
        throw Error(ErrorKind::kFile, "Cell 17 cannot be read.");
      }
      return true;
    }
  };
  TrainResult other;
  REQUIRE_THROWS_WITH(
      together(2,
               [&](Exchange& exchange) {
                 Damaged damaged;
                 Monitor silent;
                 const bool fails = exchange.rank() == 1;
                 const Outcome out =
                     train(of, &exchange,
                           fails ? static_cast<Monitor&>(damaged) : silent);
                 if (!fails) other = out.result;
               }),
      contains("Cell 17"));
  REQUIRE(other.status == TrainStatus::kLostProcess);
  REQUIRE(other.lost == "Process 1 of 2 failed: Cell 17 cannot be read.");
  REQUIRE(other.history.size() == 1);
}

#endif

}  // namespace sailer_together_test
