#include "passes.h"

#include <ATen/ATen.h>

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

SailerModel::Evaluation evaluate_cells(SailerModel& model, BatchStream& stream,
                                       const std::vector<int64_t>& cells) {
  // The same noise every time: epochs are compared by what they learned.
  at::Generator generator = make_generator(model.tensor_options().device(), 0);
  SailerModel::Evaluation sum;
  Monitor patient;
  visit_cells(stream, cells, patient, [&](const SparseBatch& batch) {
    const SailerModel::Evaluation part = model.evaluate(batch, generator);
    const auto n = static_cast<double>(batch.n_cells());
    sum.log_likelihood += n * part.log_likelihood;
    sum.kl += n * part.kl;
    sum.elbo += n * part.elbo;
    sum.alignment += n * part.alignment;
  });
  const auto n = static_cast<double>(cells.size());
  return {sum.log_likelihood / n, sum.kl / n, sum.elbo / n, sum.alignment / n};
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
