// The reconstruction loss on the CPU, tile by tile.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../support/error.h"
#include "../support/kernels.h"
#include "reconstruction.h"

namespace sailer {
namespace {

// Logits of one tile, and weight values that it reads: small enough for the
// cache, large enough for the matrix products to run at full speed.
constexpr int64_t kTileLogits = int64_t{1} << 18;
constexpr int64_t kTileWeights = int64_t{1} << 20;
constexpr int64_t kMinPeaks = 256;

struct Tile {
  int64_t group, first, last;
  int64_t n_peaks() const { return last - first; }
};

std::vector<Tile> tiles_of(const PeakLayout& layout, int64_t n_cells,
                           int64_t width) {
  const int64_t n =
      std::max(kMinPeaks, std::min(kTileLogits / std::max<int64_t>(1, n_cells),
                                   kTileWeights / width));
  std::vector<Tile> tiles;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    // Tiles of equal size, without a short remainder.
    const int64_t size = layout.end(g) - layout.start(g);
    const int64_t count = (size + n - 1) / n;
    for (int64_t t = 0; t < count; ++t) {
      tiles.push_back({g, layout.start(g) + size * t / count,
                       layout.start(g) + size * (t + 1) / count});
    }
  }
  return tiles;
}

// Hands out the entries of each cell in the order of the peaks, tile by tile.
class OpenPeaks {
 public:
  explicit OpenPeaks(const SparseRowsTensor& rows)
      : offsets_(rows.offsets.data_ptr<int64_t>()),
        indices_(rows.indices.data_ptr<int64_t>()),
        next_(offsets_, offsets_ + rows.n_cells()) {
    for (int64_t i = 0; i < rows.n_cells(); ++i) {
      if (!std::is_sorted(indices_ + offsets_[i], indices_ + offsets_[i + 1])) {
        throw_error(ErrorKind::kArgument, "The open peaks of row ", i + 1,
                    " of a minibatch are not in increasing order.");
      }
    }
  }

  // Returns the entries of a cell below `last` that were not returned before.
  std::pair<const int64_t*, int64_t> take(int64_t cell, int64_t last) {
    const int64_t begin = next_[cell];
    int64_t end = begin;
    while (end < offsets_[cell + 1] && indices_[end] < last) ++end;
    next_[cell] = end;
    return {indices_ + begin, end - begin};
  }

 private:
  const int64_t* offsets_;
  const int64_t* indices_;
  std::vector<int64_t> next_;
};

// Returns the unscaled loss of one cell's logits in a tile. If `with_gradient`,
// overwrites the logits with their gradients times options.scale. `open` are
// the cell's open peaks in the tile; `at_open` is scratch memory.
template <typename T>
double row_loss(T* logits, int64_t n_peaks, const int64_t* open, int64_t n_open,
                int64_t first, const ReconstructionOptions& options,
                bool with_gradient, std::vector<T>& at_open) {
  at_open.clear();
  double sum = 0;
  for (int64_t k = 0; k < n_open; ++k) {
    at_open.push_back(logits[open[k] - first]);
    sum -= options.omega * static_cast<double>(at_open.back());
  }
  if (options.omega != 1) {
    sum += (options.omega - 1) * kernels::softplus_sum(at_open.data(), n_open);
  }
  if (!with_gradient) return sum + kernels::softplus_sum(logits, n_peaks);
  sum += kernels::softplus_and_sigmoid(logits, n_peaks, options.scale);
  const T omega = static_cast<T>(options.omega);
  const T scale = static_cast<T>(options.scale);
  for (int64_t k = 0; k < n_open; ++k) {
    T& sigmoid = logits[open[k] - first];
    sigmoid = omega * (sigmoid - scale);
  }
  return sum;
}

// One pass over the tiles.
class Pass {
 public:
  Pass(const at::Tensor& hidden, const at::Tensor& weight,
       const at::Tensor& bias, const SparseRowsTensor& target,
       const PeakLayout& layout, const ReconstructionOptions& options,
       bool with_gradient, const OutputUpdates* updates)
      : hidden_(hidden.detach()),
        weight_(weight.detach()),
        bias_(bias.detach()),
        options_(options),
        with_gradient_(with_gradient),
        updates_(updates),
        open_(target),
        tiles_(tiles_of(layout, hidden.size(0), weight.size(1))) {
    shifted_bias_ = options.shift == 0 ? bias_ : bias_ + options.shift;
    if (half()) half_hidden_ = hidden_.to(at::kBFloat16);
    int64_t most = 0;
    for (const Tile& tile : tiles_) most = std::max(most, tile.n_peaks());
    logits_ = at::empty({hidden.size(0) * most}, hidden_.options());
    if (!with_gradient) return;
    out_.hidden = at::zeros_like(hidden_, at::MemoryFormat::Contiguous);
    if (updates == nullptr) {
      out_.weight = at::empty_like(weight_);
      out_.bias = at::empty_like(bias_);
    } else {
      weight_rows_ = at::empty({most, weight.size(1)}, weight_.options());
      bias_rows_ = at::empty({most}, bias_.options());
    }
  }

  LossAndGradients run() {
    double total = 0;
    for (const Tile& tile : tiles_) {
      at::Tensor logits = logits_of(tile);
      const double loss = loss_of(logits, tile);
      total += loss;
      if (with_gradient_) add_gradients(logits, tile, loss);
    }
    out_.loss = at::full({}, total * options_.scale, hidden_.options());
    return out_;
  }

 private:
  bool half() const { return options_.precision == Precision::kBf16; }

  at::Tensor columns(const at::Tensor& hidden, const Tile& tile) const {
    const int64_t width = weight_.size(1);
    return hidden.narrow(1, tile.group * width, width);
  }

  at::Tensor logits_of(const Tile& tile) {
    const int64_t n_cells = hidden_.size(0);
    at::Tensor logits = logits_.narrow(0, 0, n_cells * tile.n_peaks())
                            .view({n_cells, tile.n_peaks()});
    const at::Tensor w = weight_.narrow(0, tile.first, tile.n_peaks());
    const at::Tensor b = shifted_bias_.narrow(0, tile.first, tile.n_peaks());
    if (half()) {
      half_weight_ = w.to(at::kBFloat16);
      logits.copy_(columns(half_hidden_, tile).mm(half_weight_.t())).add_(b);
    } else {
      at::addmm_out(logits, b, columns(hidden_, tile), w.t());
    }
    return logits;
  }

  // Each cell's sum has a fixed order: equal logits give equal bits regardless
  // of the number of threads. (Whether logits are equal depends on the BLAS.)
  double loss_of(at::Tensor& logits, const Tile& tile) {
    const int64_t n_cells = logits.size(0), n_peaks = logits.size(1);
    std::vector<double> sums(n_cells);
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "reconstruction", [&] {
      scalar_t* a = logits.data_ptr<scalar_t>();
      at::parallel_for(0, n_cells, 8, [&](int64_t begin, int64_t end) {
        std::vector<scalar_t> at_open;
        for (int64_t i = begin; i < end; ++i) {
          const auto open = open_.take(i, tile.last);
          sums[i] = row_loss(a + i * n_peaks, n_peaks, open.first, open.second,
                             tile.first, options_, with_gradient_, at_open);
        }
      });
    });
    double total = 0;
    for (double sum : sums) total += sum;
    return total;
  }

  // `slopes` holds the gradient of the logits.
  void add_gradients(const at::Tensor& slopes, const Tile& tile, double loss) {
    if (updates_ != nullptr && !std::isfinite(loss)) {
      throw_error(ErrorKind::kNumeric,
                  "The reconstruction loss is no longer a finite number.");
    }
    const int64_t n = tile.n_peaks();
    const at::Tensor w = weight_.narrow(0, tile.first, n);
    const at::Tensor h = columns(hidden_, tile);
    at::Tensor of_hidden = columns(out_.hidden, tile);
    at::Tensor of_weight = updates_ == nullptr
                               ? out_.weight.narrow(0, tile.first, n)
                               : weight_rows_.narrow(0, 0, n);
    at::Tensor of_bias = updates_ == nullptr
                             ? out_.bias.narrow(0, tile.first, n)
                             : bias_rows_.narrow(0, 0, n);
    if (half()) {
      const at::Tensor half_slopes = slopes.to(at::kBFloat16);
      of_hidden.add_(half_slopes.mm(half_weight_));
      of_weight.copy_(half_slopes.t().mm(columns(half_hidden_, tile)));
    } else {
      of_hidden.addmm_(slopes, w);
      // Adding to zeros is faster in OpenBLAS than overwriting.
      of_weight.zero_().addmm_(slopes.t(), h);
    }
    sum_cells(slopes, of_bias);
    if (updates_ != nullptr) {
      move(updates_->weight, weight_, of_weight, tile.first * weight_.size(1));
      move(updates_->bias, bias_, of_bias, tile.first);
    }
  }

  static void sum_cells(const at::Tensor& slopes, at::Tensor& out) {
    const int64_t n_cells = slopes.size(0), n_peaks = slopes.size(1);
    AT_DISPATCH_FLOATING_TYPES(slopes.scalar_type(), "reconstruction", [&] {
      const scalar_t* s = slopes.data_ptr<scalar_t>();
      scalar_t* o = out.data_ptr<scalar_t>();
      at::parallel_for(0, n_peaks, 512, [&](int64_t begin, int64_t end) {
        kernels::sum_columns(o + begin, s + begin, n_peaks, end - begin,
                             n_cells);
      });
    });
  }

  static void move(const AdamUpdate& update, const at::Tensor& parameter,
                   const at::Tensor& gradient, int64_t begin) {
    AT_DISPATCH_FLOATING_TYPES(parameter.scalar_type(), "reconstruction", [&] {
      scalar_t* p = parameter.data_ptr<scalar_t>();
      const scalar_t* g = gradient.data_ptr<scalar_t>();
      at::parallel_for(0, gradient.numel(), int64_t{1} << 15,
                       [&](int64_t a, int64_t b) {
                         update.move(p, g + a, begin + a, b - a);
                       });
    });
  }

  const at::Tensor hidden_, weight_, bias_;
  const ReconstructionOptions& options_;
  const bool with_gradient_;
  const OutputUpdates* updates_;
  OpenPeaks open_;
  const std::vector<Tile> tiles_;
  at::Tensor shifted_bias_, half_hidden_, half_weight_;
  at::Tensor logits_, weight_rows_, bias_rows_;  // of one tile
  LossAndGradients out_;
};

}  // namespace

LossAndGradients reconstruct_by_kernel(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates) {
  at::NoGradGuard no_grad;
  return Pass(hidden, weight, bias, target, layout, options, with_gradient,
              updates)
      .run();
}

}  // namespace sailer
