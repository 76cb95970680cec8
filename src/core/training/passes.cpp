#include "passes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "../support/random.h"
#include "step_exchange.h"

namespace sailer {
namespace {

// More than a training minibatch: without gradients, no activations are kept.
constexpr int64_t kBlockCells = 512;

// Writes `rows` as floats to `out`, from index `first` on.
void write(const at::Tensor& rows, int64_t first, std::vector<float>& out) {
  const at::Tensor values = rows.to(at::kCPU, at::kFloat).contiguous();
  std::copy_n(values.data_ptr<float>(), values.numel(), out.begin() + first);
}

}  // namespace

bool visit_cells(BatchStream& stream, const std::vector<int64_t>& cells,
                 Monitor& monitor,
                 const std::function<void(const SparseBatch&)>& visit) {
  const at::NoGradGuard no_grad;
  const int64_t batch_size = stream.batch_size();
  stream.set_batch_size(kBlockCells);
  stream.set_thinning({});
  stream.start(cells, 0);
  stream.set_batch_size(batch_size);  // from the next start on
  SparseBatch batch;
  while (stream.next(batch)) {
    visit(batch);
    if (!monitor.keep_going({})) {
      stream.stop();
      return false;
    }
  }
  return true;
}

Evaluated evaluate_cells(SailerModel& model, BatchStream& stream,
                         const std::vector<int64_t>& cells,
                         const Shard& shard) {
  // The same noise every time, so that epochs differ only by what they learned.
  at::Generator generator = make_generator(model.tensor_options().device(), 0);
  std::vector<int64_t> own;
  for (int64_t first = shard.rank * kBlockCells; first < n_of(cells);
       first += shard.size * kBlockCells) {
    const int64_t last = std::min(first + kBlockCells, n_of(cells));
    own.insert(own.end(), cells.begin() + first, cells.begin() + last);
  }
  Evaluated out;
  out.n_cells = n_of(own);
  SailerModel::Evaluation& sum = out.mean;
  Monitor patient;
  int64_t block = 0;
  visit_cells(stream, own, patient, [&](const SparseBatch& batch) {
    for (; block % shard.size != shard.rank; ++block) {  // skip others' noise
      at::empty({kBlockCells, model.options().n_latent}, model.tensor_options())
          .normal_(0, 1, generator);
    }
    ++block;
    const SailerModel::Evaluation part = model.evaluate(batch, generator);
    const auto n = static_cast<double>(batch.n_cells());
    sum.log_likelihood += n * part.log_likelihood;
    sum.kl += n * part.kl;
    sum.elbo += n * part.elbo;
    sum.alignment += n * part.alignment;
  });
  const auto n = static_cast<double>(out.n_cells);
  sum = {sum.log_likelihood / n, sum.kl / n, sum.elbo / n, sum.alignment / n};
  return out;
}

CellPosteriors posteriors_of_cells(const SailerModel& model,
                                   BatchStream& stream, Monitor& monitor,
                                   Exchange* exchange) {
  const int64_t n = stream.source().n_cells(), d = model.options().n_latent;
  // Whole blocks, because the number of rows affects rounding.
  const Slice blocks =
      slice_of((n + kBlockCells - 1) / kBlockCells, shard_of(exchange));
  int64_t first = std::min(n, blocks.first * kBlockCells);
  std::vector<int64_t> cells(std::min(n - first, blocks.n * kBlockCells));
  std::iota(cells.begin(), cells.end(), first);
  CellPosteriors out;
  out.mean.assign(static_cast<size_t>(n * d), 0);
  out.log_variance = out.mean;
  const bool done =
      visit_cells(stream, cells, monitor, [&](const SparseBatch& batch) {
        const Posterior posterior = model.encode(batch, /*training=*/false);
        write(posterior.mean, first * d, out.mean);
        write(posterior.log_variance, first * d, out.log_variance);
        first += batch.n_cells();
      });
  if (exchange == nullptr) return done ? out : CellPosteriors{};
  if (sum_of_all(*exchange, done ? 0 : 1) > 0) return {};
  // The rows of the other processes are 0 here, so the sum fills them in.
  for (std::vector<float>* values : {&out.mean, &out.log_variance}) {
    exchange->sum(at::from_blob(values->data(), {n * d}, at::kFloat));
  }
  return out;
}

}  // namespace sailer
