#include "contrast.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "../support/error.h"

namespace sailer {
namespace {

// Approximate limit on the number of values in a block's largest arrays.
constexpr int64_t kBlock = int64_t{1} << 22;
// If the last layer is wider, only its main directions are used.
constexpr int64_t kMostDirections = 160;

// Returns [n, 1 + width]: a column of ones for the bias, and the inputs of the
// last layer for one group of peaks.
at::Tensor design(const at::Tensor& hidden, int64_t group, int64_t width) {
  const at::Tensor h =
      hidden.slice(1, group * width, (group + 1) * width).to(at::kDouble);
  return at::cat({at::ones({h.size(0), 1}, h.options()), h}, 1);
}

// A group of cells, decoded once per row of the confounders.
struct Side {
  std::vector<at::Tensor> hidden;  // [samples * n, all units]
  at::Tensor weights;              // [samples * n], sum 1
  double squares = 0;              // sum of the squared weights of the cells
};

Side make_side(const SailerModel& model, const ContrastGroup& group,
               const at::Tensor& confounders) {
  Side side;
  const at::Tensor z = group.z.to(model.tensor_options());
  for (int64_t c = 0; c < confounders.size(0); ++c) {
    const at::Tensor held = confounders.slice(0, c, c + 1)
                                .to(model.tensor_options())
                                .expand({z.size(0), confounders.size(1)});
    side.hidden.push_back(model.decode_hidden(z, held, /*training=*/false));
  }
  const at::Tensor own =
      group.weights.to(side.hidden[0].options().dtype(at::kDouble));
  const int64_t samples = z.size(0) / own.size(0);
  side.weights = own.repeat({samples}) / static_cast<double>(samples);
  side.squares = own.square().sum().item<double>();
  return side;
}

// Averages over one group of cells for a block of peaks.
struct Averages {
  at::Tensor mean,
      variance;         // [b]: group mean; its variance due to cells
  at::Tensor gradient;  // [b, D]: of the mean by the peak's weights
};

// In slopes, p (1 - p) is taken as (p + offset) (1 - p), as in fisher().
Averages average(const Side& side, const at::Tensor& shares, int64_t group,
                 int64_t width, const at::Tensor& weight,
                 const ContrastOptions& options) {
  at::Tensor p;
  Averages out;
  for (size_t c = 0; c < side.hidden.size(); ++c) {
    const double share = shares[static_cast<int64_t>(c)].item<double>();
    const at::Tensor h = design(side.hidden[c], group, width);
    const at::Tensor part =
        at::sigmoid(at::mm(h, weight.t()) + options.shift);  // [n, b]
    const at::Tensor raised = (part + options.offset).clamp_max(1);
    const at::Tensor slope =
        raised * (1 - part) * (share * side.weights).unsqueeze(1);
    const at::Tensor gradient = at::mm(slope.t(), h);
    p = c == 0 ? share * part : p + share * part;
    out.gradient = c == 0 ? gradient : out.gradient + gradient;
  }
  out.mean = at::mv(p.t(), side.weights);
  out.variance =
      at::mv((p - out.mean.unsqueeze(0)).square().t(), side.weights) *
      side.squares;
  return out;
}

// Returns [b, 1 + width]: the weights of the peaks, the bias first.
at::Tensor weights_of(const SailerModel& model,
                      const std::vector<int64_t>& peaks) {
  const at::Tensor rows =
      at::tensor(peaks, at::kLong).to(model.tensor_options().device());
  const at::Tensor bias = model.output_bias().index_select(0, rows);
  const at::Tensor weight = model.output_weight().index_select(0, rows);
  return at::cat({bias.unsqueeze(1), weight}, 1).detach().to(at::kDouble);
}

// The information in the training cells about the weights of one peak group.
struct Information {
  at::Tensor design;     // [m, D]
  at::Tensor moments;    // [clusters, E * E], along `direction`
  at::Tensor members;    // [clusters, m]: cell weights / cluster mass
  at::Tensor direction;  // [D, E]; undefined if all are used
};

at::Tensor along(const at::Tensor& x, const at::Tensor& direction) {
  return direction.defined() ? at::mm(x, direction) : x;
}

// Returns how informative each training cell is about an average peak: deep
// cells are more so. A few hundred of the group's peaks suffice to estimate it.
at::Tensor intensity_of(const SailerModel& model, const at::Tensor& design,
                        int64_t group, const ContrastOptions& options) {
  const PeakLayout& layout = model.output_layout();
  const int64_t first = layout.start(group), last = layout.end(group);
  const int64_t step = std::max<int64_t>(1, (last - first) / 256);
  std::vector<int64_t> some;
  for (int64_t peak = first; peak < last; peak += step) some.push_back(peak);
  const at::Tensor p =
      at::sigmoid(at::mm(design, weights_of(model, some).t()) + options.shift);
  return (p * (1 - p)).mean(1);
}

// Within a cluster each peak's own p (1 - p) is assumed to be proportional to
// the cells' intensities, so that moments need not be computed for each peak.
Information inform(const SailerModel& model, const ContrastTraining& training,
                   const at::Tensor& hidden, int64_t group, int64_t width,
                   const ContrastOptions& options) {
  Information out;
  out.design = design(hidden, group, width);
  const at::Tensor weights = training.weights.to(out.design.options());
  const at::Tensor mass =
      weights * intensity_of(model, out.design, group, options);
  const at::Tensor weighted = out.design * mass.unsqueeze(1);
  if (width + 1 > kMostDirections) {
    const auto [values, vectors] =
        at::linalg_eigh(at::mm(out.design.t(), weighted));
    out.direction = vectors.slice(1, vectors.size(1) - kMostDirections);
  }
  const at::Tensor code =
      at::tensor(training.clusters, at::kLong).to(weights.device());
  out.members =
      at::zeros({training.n_clusters, code.size(0)}, weights.options());
  std::vector<at::Tensor> moments;
  for (int64_t k = 0; k < training.n_clusters; ++k) {
    const at::Tensor rows = (code == k).nonzero().squeeze(1);
    const at::Tensor h = along(out.design.index_select(0, rows), out.direction);
    const at::Tensor w = along(weighted.index_select(0, rows), out.direction);
    moments.push_back(at::mm(h.t(), w).reshape({-1}));
    out.members.select(0, k).index_copy_(
        0, rows,
        weights.index_select(0, rows) / mass.index_select(0, rows).sum());
  }
  out.moments = at::stack(moments);
  return out;
}

// Returns [b, E, E]: Fisher information of each peak's weights, plus a ridge.
at::Tensor fisher(const Information& known, const at::Tensor& weight,
                  const ContrastOptions& options) {
  const at::Tensor p =
      at::sigmoid(at::mm(known.design, weight.t()) + options.shift);
  const at::Tensor spread = (p + options.offset).clamp_max(1) * (1 - p);
  const at::Tensor by_cluster = at::mm(known.members, spread);  // [clusters, b]
  const at::Tensor sum = at::mm(by_cluster.t(), known.moments);
  const int64_t e = known.direction.defined() ? known.direction.size(1)
                                              : known.design.size(1);
  // The cells carry no information on directions in which they do not differ.
  const at::Tensor out = sum.reshape({-1, e, e});
  const at::Tensor scale = at::diagonal(out, 0, 1, 2).mean(1);
  return out + (options.ridge + 1e-6 * scale).unsqueeze(1).unsqueeze(2) *
                   at::eye(e, out.options());
}

// Returns g' F^-1 g for each row g of a gradient: [b].
at::Tensor spread_of(const at::Tensor& gradient, const at::Tensor& factor) {
  const at::Tensor g = gradient.unsqueeze(2);
  return (g * at::cholesky_solve(g, factor)).sum({1, 2});
}

void append(const at::Tensor& values, const std::vector<int64_t>& places,
            std::vector<double>& out) {
  const at::Tensor host = values.to(at::kCPU).contiguous();
  const double* first = host.data_ptr<double>();
  for (size_t k = 0; k < places.size(); ++k) out[places[k]] = first[k];
}

// Peaks of one group, by their positions among the requested ones.
struct Block {
  std::vector<int64_t> places;
  at::Tensor weight;  // [b, D], the bias first
};

Block make_block(const SailerModel& model, const std::vector<int64_t>& peaks,
                 const std::vector<int64_t>& places) {
  std::vector<int64_t> rows;
  for (int64_t place : places) rows.push_back(peaks[place]);
  return {places, weights_of(model, rows)};
}

void contrast_block(const Block& block, const Averages& first,
                    const Averages& second, const Information& known,
                    const ContrastOptions& options, PeakContrasts& out) {
  const at::Tensor raised_1 = first.mean + options.offset;
  const at::Tensor raised_2 = second.mean + options.offset;
  const at::Tensor factor =
      at::linalg_cholesky(fisher(known, block.weight, options));
  const at::Tensor by_log = along(first.gradient / raised_1.unsqueeze(1) -
                                      second.gradient / raised_2.unsqueeze(1),
                                  known.direction);
  const at::Tensor by_difference =
      along(first.gradient - second.gradient, known.direction);
  append(first.mean, block.places, out.mean_1);
  append(second.mean, block.places, out.mean_2);
  append(spread_of(by_log, factor) + first.variance / raised_1.square() +
             second.variance / raised_2.square(),
         block.places, out.log_variance);
  append(spread_of(by_difference, factor) + first.variance + second.variance,
         block.places, out.difference_variance);
}

void check_contrast(const SailerModel& model, const at::Tensor& confounders,
                    const ContrastTraining& training,
                    const std::vector<int64_t>& peaks) {
  const bool fits =
      confounders.size(1) == model.n_confounders() &&
      training.confounders.size(1) == model.n_confounders() &&
      training.z.size(1) == model.options().n_latent &&
      training.clusters.size() == static_cast<size_t>(training.z.size(0));
  const auto known = [&](int64_t peak) {
    return peak >= 0 && peak < model.layout().n_peaks();
  };
  if (!fits || !std::all_of(peaks.begin(), peaks.end(), known)) {
    throw_error(ErrorKind::kArgument,
                "The cells or peaks to compare do not fit the model.");
  }
}

}  // namespace

PeakContrasts contrast_peaks(const SailerModel& model,
                             const ContrastGroup& first,
                             const ContrastGroup& second,
                             const at::Tensor& confounders,
                             const at::Tensor& shares,
                             const ContrastTraining& training,
                             const std::vector<int64_t>& peaks,
                             const ContrastOptions& options, Monitor& monitor) {
  at::NoGradGuard no_grad;
  check_contrast(model, confounders, training, peaks);
  const Side side_1 = make_side(model, first, confounders);
  const Side side_2 = make_side(model, second, confounders);
  const at::Tensor hidden =
      model.decode_hidden(training.z.to(model.tensor_options()),
                          training.confounders.to(model.tensor_options()),
                          /*training=*/false);
  const PeakLayout& layout = model.output_layout();
  const int64_t width = model.output_weight().size(1);
  std::vector<std::vector<int64_t>> by_group(layout.n_groups());
  for (size_t k = 0; k < peaks.size(); ++k) {
    by_group[layout.group_of(peaks[k])].push_back(static_cast<int64_t>(k));
  }
  const int64_t rows =
      std::max({first.z.size(0), second.z.size(0), training.z.size(0)});
  const int64_t units = std::min(width + 1, kMostDirections);
  const int64_t size =
      std::max<int64_t>(1, std::min(kBlock / (units * units), kBlock / rows));
  PeakContrasts out;
  for (auto* column : {&out.mean_1, &out.mean_2, &out.log_variance,
                       &out.difference_variance}) {
    column->resize(peaks.size());
  }
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    if (by_group[g].empty()) continue;
    const Information known =
        inform(model, training, hidden, g, width, options);
    const auto n = n_of(by_group[g]);
    for (int64_t begin = 0; begin < n; begin += size) {
      if (!monitor.keep_going({})) return {};
      const auto from = by_group[g].begin() + begin;
      const Block block =
          make_block(model, peaks, {from, from + std::min(size, n - begin)});
      contrast_block(block,
                     average(side_1, shares, g, width, block.weight, options),
                     average(side_2, shares, g, width, block.weight, options),
                     known, options, out);
    }
  }
  return out;
}

}  // namespace sailer
