#include "expresser_task.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"
#include "../support/foreign_error.h"
#include "../support/shuffle.h"
#include "../support/tf32.h"

namespace sailer {
namespace {

// Sums over masked genes, from which means and the correlation are computed.
struct Fit {
  double n = 0, squared = 0, absolute = 0;
  double x = 0, y = 0, xx = 0, yy = 0, xy = 0;

  void add(const at::Tensor& predicted, const at::Tensor& truth) {
    const at::Tensor p = predicted.to(at::kDouble), t = truth.to(at::kDouble);
    const at::Tensor difference = p - t;
    const at::Tensor sums =
        at::stack({difference.square().sum(), difference.abs().sum(), p.sum(),
                   t.sum(), p.square().sum(), t.square().sum(), (p * t).sum()})
            .cpu();
    const double* s = sums.data_ptr<double>();
    n += static_cast<double>(t.numel());
    squared += s[0];
    absolute += s[1];
    x += s[2];
    y += s[3];
    xx += s[4];
    yy += s[5];
    xy += s[6];
  }

  double correlation() const {
    const double spread = (xx - x * x / n) * (yy - y * y / n);
    return spread > 0 ? (xy - x * y / n) / std::sqrt(spread)
                      : std::numeric_limits<double>::quiet_NaN();
  }
};

const PretrainOptions& checked(const PretrainOptions& options,
                               const Exchange* exchange) {
  options.check();
  check_batch_size(options.batch_size, exchange);
  return options;
}

uint64_t noise_seed_of(uint64_t seed, const Shard& shard) {
  if (shard.size == 1) return seed;
  return derive_seed(derive_seed(seed, kProcessStream),
                     static_cast<uint64_t>(shard.rank));
}

}  // namespace

ExpresserTask::ExpresserTask(ExpresserModel& model, CellSourcePtr source,
                             const Split& split, const PretrainOptions& options,
                             Exchange* exchange)
    : model_(model),
      cells_(split, options.seed),
      options_(checked(options, exchange)),
      exchange_(exchange),
      shard_(shard_of(exchange)),
      noise_seed_(noise_seed_of(options.seed, shard_)),
      stream_(source, stream_options()),
      n_steps_((n_training() + options_.batch_size - 1) / options_.batch_size) {
  model_.set_compute(options_.compute);
}

GeneStreamOptions ExpresserTask::stream_options() const {
  GeneStreamOptions out;
  out.batch_size = slice_of(options_.batch_size, shard_).n;
  out.token_budget = options_.token_budget;
  out.tokens = model_.token_options();
  out.device = model_.tensor_options().device();
  out.type = c10::typeMetaToScalarType(model_.tensor_options().dtype());
  return out;
}

RunColumns ExpresserTask::columns() const {
  return {{"learning_rate"},
          {"loss", "absolute_error"},
          {"validation_loss", "validation_absolute_error",
           "validation_correlation"}};
}

double ExpresserTask::learning_rate(int64_t epoch, int64_t position) const {
  const int64_t step = epoch * n_steps_ + position / options_.batch_size;
  return cosine_rate(options_.learning_rate, options_.final_share,
                     options_.warmup, options_.epochs * n_steps_, step);
}

void ExpresserTask::start_epoch(int64_t epoch, int64_t position) {
  position_ = next_ = position;
  start_stream(epoch, position);
}

// The last minibatch may have no cells for this process.
bool ExpresserTask::next() {
  position_ = next_;
  next_ = std::min(position_ + options_.batch_size, n_training());
  if (!stream_.next(pieces_)) pieces_.clear();
  return n_cells() > 0;
}

void ExpresserTask::start_stream(int64_t epoch, int64_t position) {
  const int64_t size = options_.batch_size;
  stream_.start(shard_batches(cells_.order_of(epoch), size, shard_),
                epoch_seed(options_.seed, kMaskStream, epoch),
                shard_position(position, size, shard_));
}

StepLoss ExpresserTask::step(Adam&, int64_t epoch, int64_t position, bool) {
  const AllowTf32 faster(device());
  double weight = 0;
  for (const GeneBatch& piece : pieces_) {
    weight += static_cast<double>(piece.n_masked());
  }
  // Once per step, however often the step is retried: the other processes wait
  // for it.
  if (exchange_ != nullptr) weight = sum_of_all(*exchange_, weight);
  return with_less_memory(
      [&] { return step_by_pieces(epoch, position, weight); },
      [&] { return halve_pieces(epoch, position); });
}

// Fetches the minibatch again in pieces of half as many tokens; returns false
// if every piece is already a single cell. Nothing else about the pieces
// changes, so the result is the same as with the smaller budget from the start.
bool ExpresserTask::halve_pieces(int64_t epoch, int64_t position) {
  int64_t largest = 0;  // among those with several cells
  for (const GeneBatch& piece : pieces_) {
    if (piece.n_cells() > 1) largest = std::max(largest, piece.tokens.total());
  }
  if (largest == 0) return false;
  options_.token_budget =
      std::max<int64_t>(1, std::min(options_.token_budget, largest) / 2);
  for (const NamedTensor& entry : parameters().parameters()) {
    at::Tensor parameter = entry.tensor;
    parameter.mutable_grad().reset();
  }
  pieces_.clear();
  stream_.set_token_budget(options_.token_budget);
  start_stream(epoch, position);
  return stream_.next(pieces_);
}

// Forward and backward passes piece by piece: the gradients of the pieces sum
// to that of the whole minibatch, because the loss of each piece is divided by
// the number of masked genes of the whole minibatch.
StepLoss ExpresserTask::step_by_pieces(int64_t epoch, int64_t position,
                                       double weight) {
  StepLoss out;
  out.weight = weight;
  const at::TensorOptions options =
      at::TensorOptions().dtype(at::kDouble).device(device());
  out.parts = at::zeros({2}, options);
  if (out.weight == 0) return out;
  model_.start_step(derive_seed(epoch_seed(noise_seed_, kStepStream, epoch),
                                static_cast<uint64_t>(position)));
  for (const GeneBatch& piece : pieces_) {
    const at::Tensor difference =
        model_.predict(piece, /*training=*/true) - piece.targets;
    const at::Tensor loss = difference.square().sum() / out.weight;
    loss.backward();
    at::NoGradGuard no_grad;
    const at::Tensor absolute =
        difference.detach().abs().sum().to(at::kDouble) / out.weight;
    out.parts.add_(at::stack({loss.detach().to(at::kDouble), absolute}));
  }
  if (device().is_cpu() && !std::isfinite(out.parts[0].item<double>())) {
    throw_error(ErrorKind::kNumeric, "The loss is not finite.");
  }
  return out;
}

// The masks always come from seed 0, so that epochs differ only by what they
// learned.
std::vector<double> ExpresserTask::measure() {
  const double none = std::numeric_limits<double>::quiet_NaN();
  at::NoGradGuard no_grad;
  Fit fit;
  stream_.start(shard_cells(cells_.split().validation, shard_), 0);
  while (stream_.next(pieces_)) {
    for (const GeneBatch& piece : pieces_) {
      fit.add(model_.predict(piece, /*training=*/false), piece.targets);
    }
  }
  measured_ = fit.n;
  if (fit.n == 0) return {none, none, none};
  return {fit.squared / fit.n, fit.absolute / fit.n, fit.correlation()};
}

}  // namespace sailer
