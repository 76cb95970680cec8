#include "posterior_pass.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <numeric>

namespace sailer {
namespace {

void append(const at::Tensor& rows, std::vector<float>& out) {
  const at::Tensor values = rows.to(at::kCPU, at::kFloat).contiguous();
  const float* first = values.data_ptr<float>();
  out.insert(out.end(), first, first + values.numel());
}

}  // namespace

CellPosteriors posteriors_of_cells(const SailerModel& model,
                                   BatchStream& stream, Monitor& monitor) {
  at::NoGradGuard no_grad;
  std::vector<int64_t> cells(stream.source().n_cells());
  std::iota(cells.begin(), cells.end(), int64_t{0});
  const size_t n = cells.size() * static_cast<size_t>(model.options().n_latent);
  CellPosteriors out;
  out.mean.reserve(n);
  out.log_variance.reserve(n);
  stream.set_thinning({});
  stream.start(cells, 0);
  SparseBatch batch;
  while (stream.next(batch)) {
    const Posterior posterior = model.encode(batch, /*training=*/false);
    append(posterior.mean, out.mean);
    append(posterior.log_variance, out.log_variance);
    if (!monitor.keep_going({})) {
      stream.stop();
      return {};
    }
  }
  return out;
}

}  // namespace sailer
