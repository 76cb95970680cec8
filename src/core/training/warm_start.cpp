#include "warm_start.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "../linear/reference_map.h"

namespace sailer {
namespace {

constexpr int64_t kLeastLatent = 8, kMostLatent = 40;
constexpr int64_t kLeastBesideReference = 5;
constexpr int64_t kCellsPerDimension = 20;
constexpr int64_t kMostAxes = 32;  // of a reference

at::Tensor tensor_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::tensor(values, at::TensorOptions().dtype(at::kFloat)).view(shape);
}

CellRows taken_of(CellRows cells, const std::vector<int64_t>& taken) {
  cells.taken.assign(static_cast<size_t>(cells.source->n_cells()), 0);
  for (const int64_t cell : taken) cells.taken[cell] = 1;
  return cells;
}

// Holds out every tenth cell if none is held out.
Split with_held_out(const Split& split) {
  constexpr size_t kEvery = 10;
  if (!split.validation.empty()) return split;
  Split out;
  for (size_t k = 0; k < split.training.size(); ++k) {
    (k % kEvery == 1 ? out.validation : out.training)
        .push_back(split.training[k]);
  }
  return out;
}

}  // namespace

std::optional<Lsi> lsi_of(CellRows cells, const Split& split,
                          const ConfounderMatrix& confounders,
                          const std::vector<float>& weights, int64_t n_latent,
                          bool guided, uint64_t seed) {
  const Split parts = with_held_out(split);
  LsiOptions options;
  // Not only as many as the model has: the first components are not
  // necessarily those with the most signal.
  options.n_components = std::max(kMostLatent, n_latent);
  options.seed = seed;
  options.strict = guided;
  CellRows held_out = taken_of(cells, parts.validation);
  return fit_lsi(taken_of(std::move(cells), parts.training), held_out,
                 confounders, weights, options);
}

int64_t n_latent_for(const Lsi& lsi, int64_t n_cells, int64_t n_reference) {
  const int64_t least = n_reference > 0 ? kLeastBesideReference : kLeastLatent;
  const int64_t most =
      std::clamp(n_cells / kCellsPerDimension, least, kMostLatent);
  return std::clamp(lsi.n_signal, least, most) +
         std::min(n_reference, kMostAxes);
}

void start_at(SailerModel& model, const LinearPosterior& start) {
  const int64_t d = start.n_dimensions, p = model.layout().n_peaks();
  model.start_linear_path(tensor_of(start.loadings, {p, d}),
                          tensor_of(start.shift, {d}),
                          tensor_of(start.log_variance, {d}));
}

bool start_at_reference(SailerModel& model, CellRows cells, const Split& split,
                        const std::vector<float>& weights,
                        const Reference& reference,
                        const ConfounderMatrix& confounders, const Lsi& lsi) {
  const int64_t d = model.options().n_latent;
  const auto map = reference_map(taken_of(std::move(cells), split.training),
                                 weights, reference, confounders, lsi, d);
  if (!map.has_value()) return false;
  start_at(model, map->peaks);
  if (model.options().sees_reference()) {
    model.start_reference_path(
        tensor_of(map->reference, {reference.width + 1, d}));
  }
  return true;
}

}  // namespace sailer
