#include "decode.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "../support/error.h"

namespace sailer {
namespace {

// The peaks of a tile that read the same hidden units.
struct GroupPart {
  int64_t group = 0;
  at::Tensor peaks;   // indices in the model, int64 on its device
  at::Tensor places;  // columns of the tile; undefined means all
};

struct PeakTile {
  int64_t first = 0, count = 0;
  std::vector<GroupPart> parts;
};

PeakTile make_tile(const std::vector<int64_t>& peaks, int64_t first,
                   int64_t count, const PeakLayout& layout,
                   const at::Device& device) {
  std::vector<std::vector<int64_t>> members(layout.n_groups()),
      places(layout.n_groups());
  for (int64_t k = 0; k < count; ++k) {
    const int64_t group = layout.group_of(peaks[first + k]);
    members[group].push_back(peaks[first + k]);
    places[group].push_back(k);
  }
  const auto on_device = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong).to(device);
  };
  PeakTile tile{first, count, {}};
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    const auto size = n_of(members[g]);
    if (size == 0) continue;
    tile.parts.push_back({g, on_device(members[g]),
                          size == count ? at::Tensor() : on_device(places[g])});
  }
  return tile;
}

// Returns the logits of some peaks of one group, [cells, peaks].
at::Tensor logits_of(const SailerModel& model, const at::Tensor& hidden,
                     const GroupPart& part) {
  const at::Tensor weight = model.output_weight().index_select(0, part.peaks);
  const int64_t width = weight.size(1);
  return at::addmm(
      model.output_bias().index_select(0, part.peaks),
      hidden.slice(1, part.group * width, (part.group + 1) * width),
      weight.t());
}

// Returns [cells, peaks of the tile], on the model's device.
at::Tensor probabilities(const SailerModel& model, const at::Tensor& hidden,
                         const PeakTile& tile, double shift) {
  at::Tensor out;
  for (const GroupPart& part : tile.parts) {
    const at::Tensor values =
        logits_of(model, hidden, part).add_(shift).sigmoid_();
    if (!part.places.defined()) return values;
    if (!out.defined()) {
      out = at::empty({hidden.size(0), tile.count}, hidden.options());
    }
    out.index_copy_(1, part.places, values);
  }
  return out;
}

void check_request(const SailerModel& model, const at::Tensor& z,
                   const at::Tensor& confounders,
                   const std::vector<int64_t>& peaks) {
  const auto refuse = [](const auto&... what) {
    throw_error(ErrorKind::kArgument, what...);
  };
  const auto shape = [](const at::Tensor& x) {
    return std::to_string(x.size(0)) + " x " + std::to_string(x.size(1));
  };
  if (z.size(1) != model.options().n_latent) {
    refuse("The embedding is ", shape(z), ", but the model has ",
           model.options().n_latent, " dimensions.");
  }
  if (confounders.size(1) != model.n_confounders() ||
      (confounders.size(0) != 1 && confounders.size(0) != z.size(0))) {
    refuse("The confounders are ", shape(confounders), ", but there are ",
           z.size(0), " cells and the model reads ", model.n_confounders(),
           " of them.");
  }
  for (int64_t peak : peaks) {
    if (peak < 0 || peak >= model.layout().n_peaks()) {
      refuse("There is no peak ", peak + 1, " in the model: it has ",
             model.layout().n_peaks(), ".");
    }
  }
}

}  // namespace

bool decode_peaks(const SailerModel& model, const at::Tensor& z,
                  const at::Tensor& confounders,
                  const std::vector<int64_t>& peaks,
                  const DecodeOptions& options,
                  const std::function<void(const DecodedBlock&)>& take,
                  Monitor& monitor) {
  at::NoGradGuard no_grad;
  check_request(model, z, confounders, peaks);
  const at::Device device = model.tensor_options().device();
  const auto n_peaks = n_of(peaks);
  const int64_t n_cells = z.size(0);
  std::vector<PeakTile> tiles;
  for (int64_t first = 0; first < n_peaks; first += options.n_peaks) {
    tiles.push_back(make_tile(peaks, first,
                              std::min(options.n_peaks, n_peaks - first),
                              model.output_layout(), device));
  }
  for (int64_t first = 0; first < n_cells; first += options.n_cells) {
    const int64_t count = std::min(options.n_cells, n_cells - first);
    const auto rows = [&](const at::Tensor& x) {
      return x.size(0) == 1 ? x.expand({count, x.size(1)})
                            : x.slice(0, first, first + count);
    };
    const auto on_model = [&](const at::Tensor& x) {
      return rows(x).to(model.tensor_options());
    };
    const at::Tensor hidden = model.decode_hidden(
        on_model(z), on_model(confounders), /*training=*/false);
    for (const PeakTile& tile : tiles) {
      Progress progress;
      progress.cells_done = first;
      progress.n_cells = n_cells;
      if (!monitor.keep_going(progress)) return false;
      take({first, tile.first,
            probabilities(model, hidden, tile, options.shift)
                .to(at::kCPU)
                .contiguous()});
    }
  }
  return true;
}

}  // namespace sailer
