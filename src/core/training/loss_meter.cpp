#include "loss_meter.h"

#include <ATen/ATen.h>

#include <cmath>

namespace sailer {

LossMeter::LossMeter(const std::vector<double>& sums, double weight)
    : sums_(at::tensor(sums, at::kDouble)), weight_(weight) {}

void LossMeter::add(const StepLoss& loss, int64_t position) {
  unread_.push_back({loss, position});
}

void LossMeter::fetch() {
  if (unread_.empty()) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  for (const Step& step : unread_) parts.push_back(step.loss.parts);
  const at::Tensor fetched = at::stack(parts).to(at::kCPU, at::kDouble);
  for (size_t k = 0; k < unread_.size(); ++k) {
    const at::Tensor of_step = fetched[static_cast<int64_t>(k)];
    const bool bad = !std::isfinite(of_step[0].item<double>());
    if (bad && bad_position_ < 0) bad_position_ = unread_[k].position;
    sums_.add_(of_step, unread_[k].loss.weight);
    weight_ += unread_[k].loss.weight;
  }
  unread_.clear();
}

LossMeter::Reading LossMeter::read() {
  fetch();
  Reading reading;
  reading.sums.assign(sums_.data_ptr<double>(),
                      sums_.data_ptr<double>() + sums_.numel());
  reading.weight = weight_;
  reading.bad_position = bad_position_;
  return reading;
}

double LossMeter::Reading::mean(size_t part) const {
  return weight > 0 ? sums[part] / weight : 0;
}

}  // namespace sailer
