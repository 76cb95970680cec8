#include "warm_start.h"

#include <ATen/ATen.h>

#include "../linear/lsi_map.h"
#include "../linear/reference_map.h"

namespace sailer {
namespace {

at::Tensor tensor_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::tensor(values, at::TensorOptions().dtype(at::kFloat)).view(shape);
}

std::vector<float> peak_weights(const SailerModel& model) {
  const at::Tensor weights =
      model.peak_weights().to(at::kCPU, at::kFloat).contiguous();
  const float* first = weights.data_ptr<float>();
  return {first, first + weights.numel()};
}

void start_peaks(SailerModel& model, const std::vector<float>& loadings,
                 const std::vector<float>& shift) {
  const int64_t n_latent = model.options().n_latent;
  model.start_linear_path(
      tensor_of(loadings, {model.layout().n_peaks(), n_latent}),
      tensor_of(shift, {n_latent}));
}

}  // namespace

bool start_at_lsi(SailerModel& model, const CellRows& cells, uint64_t seed) {
  const auto map =
      lsi_map(cells, peak_weights(model), model.options().n_latent, seed);
  if (!map.has_value()) return false;
  start_peaks(model, map->loadings, map->shift);
  return true;
}

bool start_at_reference(SailerModel& model, const CellRows& cells,
                        const Reference& reference, uint64_t seed) {
  const int64_t n_latent = model.options().n_latent;
  const auto map =
      reference_map(cells, peak_weights(model), reference, n_latent, seed);
  if (!map.has_value()) return false;
  start_peaks(model, map->loadings, map->shift);
  if (model.options().sees_reference()) {
    model.start_reference_path(
        tensor_of(map->reference, {reference.width + 1, n_latent}));
  }
  return true;
}

}  // namespace sailer
