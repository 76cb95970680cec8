#include "reconstruction.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "../support/kernels.h"
#include "loss_and_gradients.h"
#include "reconstruction_device.h"
#include "reconstruction_sampled.h"
#include "sparse_linear.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Values of one tile: small enough for the cache, large enough for the matrix
// product to run at full speed.
constexpr int64_t kTileValues = int64_t{1} << 18;

int64_t tile_width(int64_t n_cells) {
  return std::max<int64_t>(256, kTileValues / std::max<int64_t>(1, n_cells));
}

struct Tile {
  int64_t group, first, last;
};

std::vector<Tile> tiles_of(const PeakLayout& layout, int64_t n_cells) {
  const int64_t width = tile_width(n_cells);
  std::vector<Tile> tiles;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    for (int64_t p = layout.start(g); p < layout.end(g); p += width) {
      tiles.push_back({g, p, std::min(p + width, layout.end(g))});
    }
  }
  return tiles;
}

// The non-zeros' part of the loss of one tile, in double.
template <typename T>
double open_part(const T* logits, const EntriesByPeak& entries,
                 const Tile& tile, double omega) {
  const int64_t width = tile.last - tile.first;
  double sum = 0;
  for (int64_t p = tile.first; p < tile.last; ++p) {
    for (int64_t k = entries.starts[p]; k < entries.starts[p + 1]; ++k) {
      const T a = logits[entries.cells[k] * width + (p - tile.first)];
      if (omega != 1) sum += (omega - 1) * kernels::softplus_sum(&a, 1);
      sum -= omega * static_cast<double>(a);
    }
  }
  return sum;
}

// Turns sigmoids into gradients at the non-zeros, and scales them all.
template <typename T>
void finish_gradient(T* sigmoid, const EntriesByPeak& entries, const Tile& tile,
                     double omega) {
  const int64_t width = tile.last - tile.first;
  for (int64_t p = tile.first; p < tile.last; ++p) {
    for (int64_t k = entries.starts[p]; k < entries.starts[p + 1]; ++k) {
      T& s = sigmoid[entries.cells[k] * width + (p - tile.first)];
      s = static_cast<T>(omega) * (s - 1);
    }
  }
}

// Sums of the rows' softplus, each row's in a fixed order: equal bits whatever
// the number of threads.
template <typename T>
double softplus_rows(T* logits, int64_t n_cells, int64_t width, bool store) {
  std::vector<double> sums(n_cells);
  at::parallel_for(0, n_cells, 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      T* row = logits + i * width;
      sums[i] = store ? kernels::softplus_and_sigmoid(row, width)
                      : kernels::softplus_sum(row, width);
    }
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

// A CPU tile: returns the loss and leaves the gradient in `logits`.
double tile_on_cpu(at::Tensor& logits, const EntriesByPeak& entries,
                   const Tile& tile, double omega, bool with_gradient) {
  double loss = 0;
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "reconstruction", [&] {
    scalar_t* a = logits.data_ptr<scalar_t>();
    loss = open_part(a, entries, tile, omega);
    loss += softplus_rows(a, logits.size(0), logits.size(1), with_gradient);
    if (with_gradient) finish_gradient(a, entries, tile, omega);
  });
  return loss;
}

LossAndGradients loss_and_gradients(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates) {
  if (options.sampled_peaks != nullptr) {
    return loss_and_gradients_sampled(hidden, weight, bias, target, layout,
                                      options, with_gradient, updates);
  }
  if (!hidden.device().is_cpu() || options.tensor_operations) {
    return loss_and_gradients_on_device(hidden, weight, bias, target, layout,
                                        options, with_gradient);
  }
  const int64_t width = weight.size(1);
  const std::vector<Tile> tiles = tiles_of(layout, hidden.size(0));
  LossAndGradients out;
  if (with_gradient) {
    out.hidden = at::zeros_like(hidden);
    out.weight = at::empty_like(weight);
    out.bias = at::empty_like(bias);
  }
  const EntriesByPeak entries = transpose_rows(target, layout.n_peaks());
  double total = 0;
  for (const Tile& tile : tiles) {
    const at::Tensor h =
        hidden.slice(1, tile.group * width, (tile.group + 1) * width);
    const at::Tensor w = weight.slice(0, tile.first, tile.last);
    at::Tensor logits =
        at::addmm(bias.slice(0, tile.first, tile.last), h, w.t());
    if (options.shift != 0) logits.add_(options.shift);
    total += tile_on_cpu(logits, entries, tile, options.omega, with_gradient);
    if (!with_gradient) continue;
    if (options.scale != 1) logits.mul_(options.scale);
    at::Tensor weight_part = out.weight.slice(0, tile.first, tile.last);
    at::mm_out(weight_part, logits.t(), h);
    at::Tensor bias_part = out.bias.slice(0, tile.first, tile.last);
    at::sum_out(bias_part, logits, {0});
    out.hidden.slice(1, tile.group * width, (tile.group + 1) * width)
        .addmm_(logits, w);
  }
  out.loss = at::full({}, total * options.scale, hidden.options());
  return out;
}

class Reconstruction : public torch::autograd::Function<Reconstruction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const SparseRowsTensor& target,
                            const PeakLayout& layout,
                            const ReconstructionOptions& options,
                            const OutputUpdates* updates) {
    LossAndGradients result =
        loss_and_gradients(hidden, weight, bias, target, layout, options,
                           /*with_gradient=*/true, updates);
    context->save_for_backward({result.hidden, result.weight, result.bias});
    context->saved_data["plain"] = options.factor_is_one;
    return result.loss;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    variable_list grads = context->get_saved_variables();
    // The trainer asks for the plain gradient: then nothing is left to do. On
    // another device finding that out would cost a wait, so multiply there.
    const bool plain =
        context->saved_data["plain"].toBool() ||
        (grad_out[0].device().is_cpu() && grad_out[0].item<double>() == 1);
    if (!plain) {
      for (at::Tensor& grad : grads) {
        if (grad.defined()) grad = grad * grad_out[0];
      }
    }
    grads.resize(7);
    return grads;
  }
};

}  // namespace

at::Tensor tile_logits(const at::Tensor& hidden, const at::Tensor& weight,
                       const at::Tensor& bias, const PeakLayout&, int64_t group,
                       int64_t first, int64_t last) {
  const int64_t width = weight.size(1);
  return at::addmm(bias.slice(0, first, last),
                   hidden.slice(1, group * width, (group + 1) * width),
                   weight.slice(0, first, last).t());
}

at::Tensor reconstruction_loss(const at::Tensor& hidden,
                               const at::Tensor& weight, const at::Tensor& bias,
                               const SparseRowsTensor& target,
                               const PeakLayout& layout,
                               const ReconstructionOptions& options,
                               const OutputUpdates* updates) {
  const bool with_gradient = at::GradMode::is_enabled() &&
                             (hidden.requires_grad() ||
                              weight.requires_grad() || bias.requires_grad());
  if (with_gradient) {
    return Reconstruction::apply(hidden, weight, bias, target, layout, options,
                                 updates);
  }
  return loss_and_gradients(hidden, weight, bias, target, layout, options,
                            false, nullptr)
      .loss;
}

at::Tensor reconstruction_loss_dense(const at::Tensor& hidden,
                                     const at::Tensor& weight,
                                     const at::Tensor& bias,
                                     const SparseRowsTensor& target,
                                     const PeakLayout& layout,
                                     const ReconstructionOptions& options) {
  std::vector<at::Tensor> parts;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    parts.push_back(tile_logits(hidden, weight, bias, layout, g,
                                layout.start(g), layout.end(g)));
  }
  const at::Tensor logits = at::cat(parts, 1) + options.shift;
  const at::Tensor x = to_dense(target, layout.n_peaks(), logits.scalar_type());
  const at::Tensor loss = -(options.omega * x * at::log_sigmoid(logits) +
                            (1 - x) * at::log_sigmoid(-logits));
  return options.scale * loss.sum();
}

}  // namespace sailer
