#include "trainer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "../support/error.h"
#include "../support/random.h"

namespace sailer {
namespace {

// Cells per step where no gradient is taken: the batch then holds no history.
constexpr int64_t kEvaluationBatch = 512;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// Sets the stream up for a pass without gradients, and back afterwards.
class EvaluationPass {
 public:
  explicit EvaluationPass(BatchStream& stream)
      : stream_(stream), batch_size_(stream.batch_size()) {
    stream_.set_batch_size(kEvaluationBatch);
    stream_.set_thinning({});
  }
  ~EvaluationPass() { stream_.set_batch_size(batch_size_); }

 private:
  BatchStream& stream_;
  int64_t batch_size_;
};

}  // namespace

// Running sums of the loss parts; on the device, so that a step need not wait.
struct Trainer::Sums {
  at::Tensor parts;  // loss, reconstruction, kl, marginal, times cells
  int64_t n_cells = 0;

  void add(const SailerLoss& loss, int64_t n) {
    const at::Tensor now =
        at::stack({loss.total.detach(), loss.reconstruction.detach(),
                   loss.kl.detach(), loss.marginal.detach()})
            .to(at::kDouble) *
        static_cast<double>(n);
    parts = parts.defined() ? parts + now : now;
    n_cells += n;
  }

  std::vector<double> means() const {
    if (n_cells == 0) return {0, 0, 0, 0};
    const at::Tensor mean = (parts / static_cast<double>(n_cells)).cpu();
    return {mean[0].item<double>(), mean[1].item<double>(),
            mean[2].item<double>(), mean[3].item<double>()};
  }
};

Trainer::Trainer(SailerModel& model, BatchStream& stream, const Split& split,
                 const TrainOptions& options)
    : model_(model),
      stream_(stream),
      split_(split),
      options_(options.resolve(stream.source().n_cells())),
      schedule_(options_.schedule()),
      adam_(model.parameters().parameters(), options.weight_decay) {
  options_.check();
}

void Trainer::check_finite(double loss, int64_t epoch) const {
  if (std::isfinite(loss)) return;
  throw Error(ErrorKind::kNumeric,
              "The loss is no longer a finite number in epoch " +
                  std::to_string(epoch + 1) +
                  ". Try a smaller `learning_rate` (it is " +
                  std::to_string(options_.learning_rate) +
                  ") or a smaller `omega`.");
}

bool Trainer::train_epoch(int64_t epoch, Monitor& monitor,
                          EpochRecord& record) {
  const auto start = std::chrono::steady_clock::now();
  const bool on_cpu = model_.tensor_options().device().is_cpu();
  record.epoch = epoch + 1;
  record.beta = model_.options().beta * annealing(schedule_, epoch);
  record.learning_rate = learning_rate(schedule_, epoch);
  // Streams of one epoch depend on the seed and the epoch alone.
  const uint64_t stream = static_cast<uint64_t>(epoch);
  model_.generator().set_current_seed(
      derive_seed(derive_seed(options_.seed, kNoiseStream), stream));
  stream_.set_thinning(
      {model_.options().thinning_min, model_.options().thinning_max});
  stream_.start(
      epoch_order(
          split_.training, stream_.source().random_access(),
          derive_seed(derive_seed(options_.seed, kOrderStream), stream)),
      derive_seed(derive_seed(options_.seed, kThinStream), stream));

  Progress progress;
  progress.epoch = epoch + 1;
  progress.n_epochs = options_.epochs;
  progress.n_cells = static_cast<int64_t>(split_.training.size());
  progress.beta = record.beta;
  Sums sums;
  SparseBatch batch;
  bool going = true;
  while (going && stream_.next(batch, /*at_least=*/2)) {
    const SailerLoss loss =
        model_.loss(batch, record.beta, is_warmup(schedule_, epoch));
    if (on_cpu) check_finite(loss.total.item<double>(), epoch);
    loss.total.backward();
    adam_.step(record.learning_rate);
    sums.add(loss, batch.n_cells());

    record.seconds = seconds_since(start);
    record.cells_per_second =
        static_cast<double>(sums.n_cells) / std::max(record.seconds, 1e-9);
    progress.cells_done = sums.n_cells;
    progress.cells_per_second = record.cells_per_second;
    const double per_epoch = epoch > 0 ? seconds_ / static_cast<double>(epoch)
                                       : static_cast<double>(progress.n_cells) /
                                             record.cells_per_second;
    progress.seconds_left =
        std::max(0.0, per_epoch * static_cast<double>(options_.epochs - epoch) -
                          record.seconds);
    if (on_cpu) {
      const std::vector<double> means = sums.means();
      progress.loss = means[0];
      progress.reconstruction = means[1];
      progress.kl = means[2];
      progress.marginal = means[3];
    }
    going = monitor.keep_going(progress);
  }
  const std::vector<double> means = sums.means();
  record.loss = means[0];
  record.reconstruction = means[1];
  record.kl = means[2];
  record.marginal = means[3];
  check_finite(record.loss, epoch);
  return going;
}

void Trainer::evaluate(EpochRecord& record) {
  if (split_.validation.empty()) {
    record.validation_log_likelihood = record.validation_kl =
        record.validation_elbo = std::numeric_limits<double>::quiet_NaN();
    return;
  }
  const SailerModel::Evaluation evaluation =
      evaluate_cells(model_, stream_, split_.validation);
  record.validation_log_likelihood = evaluation.log_likelihood;
  record.validation_kl = evaluation.kl;
  record.validation_elbo = evaluation.elbo;
}

TrainResult Trainer::run(Monitor& monitor) {
  TrainResult result;
  std::vector<NamedTensor> best;
  double best_elbo = -std::numeric_limits<double>::infinity();
  const bool stops_early = options_.patience > 0 && !split_.validation.empty();
  for (int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
    EpochRecord record;
    if (!train_epoch(epoch, monitor, record)) {
      result.status = TrainStatus::kInterrupted;
      break;
    }
    evaluate(record);
    seconds_ += record.seconds;
    result.history.push_back(record);
    result.best_epoch = stops_early ? result.best_epoch : epoch + 1;
    if (!stops_early) continue;
    if (record.validation_elbo > best_elbo) {
      best_elbo = record.validation_elbo;
      best = model_.parameters().state();
      result.best_epoch = epoch + 1;
    }
    const int64_t since =
        epoch + 1 - std::max(result.best_epoch, schedule_.warmup);
    if (since >= options_.patience) {
      result.status = TrainStatus::kStoppedEarly;
      break;
    }
  }
  if (!best.empty()) model_.parameters().load_state(best);
  return result;
}

SailerModel::Evaluation evaluate_cells(SailerModel& model, BatchStream& stream,
                                       const std::vector<int64_t>& cells) {
  at::NoGradGuard no_grad;
  const EvaluationPass pass(stream);
  stream.start(cells, 0);
  // The same noise every time: epochs are compared by what they learned.
  at::Generator generator = make_generator(model.tensor_options().device(), 0);
  SailerModel::Evaluation sum;
  SparseBatch batch;
  while (stream.next(batch)) {
    const SailerModel::Evaluation part = model.evaluate(batch, generator);
    const auto n = static_cast<double>(batch.n_cells());
    sum.log_likelihood += n * part.log_likelihood;
    sum.kl += n * part.kl;
    sum.elbo += n * part.elbo;
  }
  const auto n = static_cast<double>(cells.size());
  return {sum.log_likelihood / n, sum.kl / n, sum.elbo / n};
}

std::vector<float> embed_cells(SailerModel& model, BatchStream& stream,
                               Monitor& monitor) {
  at::NoGradGuard no_grad;
  const EvaluationPass pass(stream);
  const int64_t d = model.options().n_latent;
  std::vector<int64_t> cells(stream.source().n_cells());
  std::iota(cells.begin(), cells.end(), int64_t{0});
  std::vector<float> out;
  out.reserve(cells.size() * static_cast<size_t>(d));
  stream.start(cells, 0);
  SparseBatch batch;
  while (stream.next(batch)) {
    const at::Tensor mean = model.encode(batch, /*training=*/false)
                                .mean.to(at::kCPU, at::kFloat)
                                .contiguous();
    const float* values = mean.data_ptr<float>();
    out.insert(out.end(), values, values + mean.numel());
    if (!monitor.keep_going({})) return {};
  }
  return out;
}

}  // namespace sailer
