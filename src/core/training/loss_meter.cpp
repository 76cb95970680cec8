#include "loss_meter.h"

#include <ATen/ATen.h>

namespace sailer {

LossMeter::LossMeter(const std::array<double, 5>& sums, int64_t n_cells,
                     const at::Device& device)
    : sums_(at::tensor(at::ArrayRef<double>(sums.data(), sums.size()),
                       at::TensorOptions().dtype(at::kDouble))
                .to(device)),
      bad_position_(
          at::full({}, -1, at::TensorOptions().dtype(at::kLong)).to(device)),
      n_cells_(n_cells) {}

void LossMeter::add(const SailerLoss& loss, int64_t position, int64_t n_cells) {
  at::NoGradGuard no_grad;
  const at::Tensor parts = at::stack(
      {loss.total.detach(), loss.reconstruction.detach(), loss.kl.detach(),
       loss.marginal.detach(), loss.alignment.detach()});
  sums_.add_(parts, static_cast<double>(n_cells));
  const at::Tensor is_first_bad = at::logical_and(
      bad_position_.lt(0), at::isfinite(parts[0]).logical_not());
  bad_position_.masked_fill_(is_first_bad, position);
  n_cells_ += n_cells;
}

LossMeter::Reading LossMeter::read() const {
  Reading reading;
  const at::Tensor sums = sums_.cpu();
  for (size_t k = 0; k < reading.sums.size(); ++k) {
    reading.sums[k] = sums.data_ptr<double>()[k];
  }
  reading.n_cells = n_cells_;
  reading.bad_position = bad_position_.item<int64_t>();
  return reading;
}

double LossMeter::Reading::mean(size_t part) const {
  return n_cells > 0 ? sums[part] / static_cast<double>(n_cells) : 0;
}

}  // namespace sailer
