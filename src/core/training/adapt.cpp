#include "adapt.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "../support/error.h"
#include "../support/fork.h"
#include "../support/random.h"
#include "adam.h"
#include "passes.h"

namespace sailer {
namespace {

void check_columns(const SailerModel& model, int64_t first, int64_t width) {
  if (first < 0 || width < 1 || first + width > model.n_confounders()) {
    throw_error(ErrorKind::kArgument, "A label in the columns ", first + 1,
                " to ", first + width,
                " was asked for, but the model's decoder reads ",
                model.n_confounders(), " of known confounders.");
  }
}

at::Tensor with_label(const at::Tensor& known, int64_t first,
                      const at::Tensor& vector) {
  const int64_t width = vector.size(0);
  return at::cat({known.slice(1, 0, first),
                  vector.unsqueeze(0).expand({known.size(0), width}),
                  known.slice(1, first + width)},
                 1);
}

at::Tensor loss_at(const SailerModel& model, const SparseBatch& batch,
                   const at::Tensor& z, int64_t first,
                   const at::Tensor& vector) {
  const at::Tensor hidden = model.decode_hidden(
      z, with_label(batch.confounders, first, vector), /*training=*/false);
  ReconstructionOptions plain;
  plain.scale = 1 / static_cast<double>(batch.n_cells());
  plain.shift = -std::log(model.options().omega);
  plain.host_offsets =
      batch.host_offsets.empty() ? nullptr : &batch.host_offsets;
  // Detached because the loss is not differentiated with respect to these.
  return reconstruction_loss(hidden, model.output_weight().detach(),
                             model.output_bias().detach(), batch.target,
                             model.output_layout(), plain);
}

at::Tensor posterior_mean(const SailerModel& model, const SparseBatch& batch) {
  const at::NoGradGuard no_grad;
  return model.encode(batch, /*training=*/false).mean;
}

std::vector<double> to_doubles(const at::Tensor& vector) {
  const at::Tensor host =
      vector.detach().to(at::kCPU, at::kDouble).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

}  // namespace

void AdaptOptions::check() const {
  if (steps < 1 || patience < 1 || !(learning_rate > 0)) {
    throw_error(ErrorKind::kArgument,
                "Steps, patience and learning rate must be above 0.");
  }
}

at::Tensor label_loss(const SailerModel& model, const SparseBatch& batch,
                      int64_t first, const at::Tensor& vector) {
  check_columns(model, first, vector.size(0));
  return loss_at(model, batch, posterior_mean(model, batch), first, vector);
}

std::vector<double> label_likelihoods(const SailerModel& model,
                                      BatchStream& stream,
                                      const std::vector<int64_t>& cells,
                                      int64_t first, const at::Tensor& vectors,
                                      Monitor& monitor) {
  check_columns(model, first, vectors.size(1));
  std::vector<double> sums(vectors.size(0), 0);
  const bool done =
      visit_cells(stream, cells, monitor, [&](const SparseBatch& batch) {
        const at::Tensor z = posterior_mean(model, batch);
        const auto n = static_cast<double>(batch.n_cells());
        for (int64_t k = 0; k < vectors.size(0); ++k) {
          sums[k] -=
              n * loss_at(model, batch, z, first, vectors[k]).item<double>();
        }
      });
  if (!done) return {};
  for (double& sum : sums) sum /= static_cast<double>(cells.size());
  return sums;
}

Adapted adapt_label(const SailerModel& model, BatchStream& stream,
                    const std::vector<int64_t>& training,
                    const std::vector<int64_t>& held_out, int64_t first,
                    const std::vector<double>& start,
                    const AdaptOptions& options, Monitor& monitor) {
  check_can_train();
  options.check();
  check_columns(model, first, n_of(start));
  if (training.empty() || held_out.empty()) {
    throw_error(ErrorKind::kArgument,
                "A label's vector needs cells to learn from and cells to "
                "choose it by, but ",
                training.size(), " and ", held_out.size(), " were given.");
  }
  at::Tensor vector = at::tensor(start, at::kDouble)
                          .to(model.tensor_options())
                          .set_requires_grad(true);
  Adapted out;
  out.vector = start;
  int64_t step = 0, best_step = 0;
  // Judges the vector by the held-out cells; false if the monitor asked to
  // stop.
  const auto judge = [&] {
    const std::vector<double> now = label_likelihoods(
        model, stream, held_out, first, vector.detach().unsqueeze(0), monitor);
    if (now.empty()) return false;
    if (out.history.empty() || now[0] > out.likelihood) {
      out.likelihood = now[0];
      if (step > 0) out.vector = to_doubles(vector);
      best_step = step;
    }
    out.history.push_back(now[0]);
    return true;
  };
  out.stopped = !judge();
  Adam adam({{"vector", vector}}, /*weight_decay=*/0);
  std::mt19937_64 engine(derive_seed(options.seed, kOrderStream));
  std::vector<int64_t> order = training;
  while (!out.stopped && step < options.steps &&
         step - best_step < options.patience) {
    shuffle(order, engine);
    stream.start(order, 0);
    SparseBatch batch;
    while (step < options.steps && stream.next(batch)) {
      const at::Tensor loss = label_loss(model, batch, first, vector);
      // With respect to the vector only: the model's parameters get no
      // gradient.
      vector.mutable_grad() = torch::autograd::grad({loss}, {vector})[0];
      const double left = static_cast<double>(options.steps - step) /
                          static_cast<double>(options.steps);
      adam.step(options.learning_rate * left);
      ++step;
      if (!monitor.keep_going({})) {
        stream.stop();
        out.stopped = true;
        return out;
      }
    }
    out.stopped = !judge();
  }
  return out;
}

}  // namespace sailer
