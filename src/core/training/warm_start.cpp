#include "warm_start.h"

#include <ATen/ATen.h>

#include "../linear/lsi_map.h"

namespace sailer {
namespace {

at::Tensor tensor_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::tensor(values, at::TensorOptions().dtype(at::kFloat)).view(shape);
}

}  // namespace

bool start_at_lsi(SailerModel& model, const CellRows& cells, uint64_t seed) {
  const at::Tensor weights =
      model.peak_weights().to(at::kCPU, at::kFloat).contiguous();
  const float* first = weights.data_ptr<float>();
  const auto map = lsi_map(cells, {first, first + weights.numel()},
                           model.options().n_latent, seed);
  if (!map.has_value()) return false;
  model.start_linear_path(
      tensor_of(map->loadings, {cells.n_columns, map->n_dimensions}),
      tensor_of(map->shift, {map->n_dimensions}));
  return true;
}

}  // namespace sailer
