#include "passes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "../support/random.h"

namespace sailer {
namespace {

// More than a minibatch of training: no gradient means no history to hold.
constexpr int64_t kBlockCells = 512;

void append(const at::Tensor& rows, std::vector<float>& out) {
  const at::Tensor values = rows.to(at::kCPU, at::kFloat).contiguous();
  const float* first = values.data_ptr<float>();
  out.insert(out.end(), first, first + values.numel());
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
  // The same noise every time: epochs are compared by what they learned.
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
    for (; block % shard.size != shard.rank; ++block) {  // those of others
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
                                   BatchStream& stream, Monitor& monitor) {
  std::vector<int64_t> cells(stream.source().n_cells());
  std::iota(cells.begin(), cells.end(), int64_t{0});
  const size_t n = cells.size() * static_cast<size_t>(model.options().n_latent);
  CellPosteriors out;
  out.mean.reserve(n);
  out.log_variance.reserve(n);
  const bool done =
      visit_cells(stream, cells, monitor, [&](const SparseBatch& batch) {
        const Posterior posterior = model.encode(batch, /*training=*/false);
        append(posterior.mean, out.mean);
        append(posterior.log_variance, out.log_variance);
      });
  if (!done) return {};
  return out;
}

}  // namespace sailer
