#include "loss_meter.h"

#include <ATen/ATen.h>

namespace sailer {

LossMeter::LossMeter(const std::vector<double>& sums, double weight,
                     const at::Device& device)
    : sums_(at::tensor(sums, at::kDouble).to(device)),
      bad_position_(at::full({}, -1, at::kLong).to(device)),
      weight_(weight) {}

void LossMeter::add(const StepLoss& loss, int64_t position) {
  at::NoGradGuard no_grad;
  sums_.add_(loss.parts, loss.weight);
  const at::Tensor is_first_bad = at::logical_and(
      bad_position_.lt(0), at::isfinite(loss.parts[0]).logical_not());
  bad_position_.masked_fill_(is_first_bad, position);
  weight_ += loss.weight;
}

LossMeter::Reading LossMeter::read() const {
  Reading reading;
  const at::Tensor sums = sums_.cpu();
  reading.sums.assign(sums.data_ptr<double>(),
                      sums.data_ptr<double>() + sums.numel());
  reading.weight = weight_;
  reading.bad_position = bad_position_.item<int64_t>();
  return reading;
}

double LossMeter::Reading::mean(size_t part) const {
  return weight > 0 ? sums[part] / weight : 0;
}

}  // namespace sailer
