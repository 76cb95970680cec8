#include "passes.h"

#include <ATen/ATen.h>

#include <numeric>

#include "../support/random.h"

namespace sailer {
namespace {

// Cells per step where no gradient is taken: the batch then holds no history.
constexpr int64_t kEvaluationBatch = 512;

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
    sum.alignment += n * part.alignment;
  }
  const auto n = static_cast<double>(cells.size());
  return {sum.log_likelihood / n, sum.kl / n, sum.elbo / n, sum.alignment / n};
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
    if (!monitor.keep_going({})) {
      stream.stop();
      return {};
    }
  }
  return out;
}

}  // namespace sailer
