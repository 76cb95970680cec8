#include "reconstruction_sampled.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "../support/entry_kernels.h"
#include "../support/error.h"
#include "../support/kernels.h"
#include "../support/shuffle.h"
#include "sparse_linear.h"

namespace sailer {
namespace {

// Values of one tile of cells x sampled peaks: these stay in the cache.
constexpr int64_t kTileValues = int64_t{1} << 18;

// Peaks whose open entries are computed together: their weights and gradients
// stay in the cache between the three passes over them.
constexpr int64_t kBlockPeaks = 128;

// Parts that threads take; their number is fixed, and so is the order in which
// their gradients are added.
constexpr int64_t kParts = 16;

// Before anything moves: what is not finite must not reach the parameters.
void require_finite(double loss) {
  if (std::isfinite(loss)) return;
  throw Error(ErrorKind::kNumeric,
              "The reconstruction loss is no longer a finite number.");
}

struct Range {
  int64_t group, first, last;
};

std::vector<Range> cut(const PeakLayout& layout, int64_t size) {
  std::vector<Range> ranges;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    for (int64_t p = layout.start(g); p < layout.end(g); p += size) {
      ranges.push_back({g, p, std::min(p + size, layout.end(g))});
    }
  }
  return ranges;
}

// What both parts read, and the gradients that they add to. Gradients by peak
// of the sampled part are kept apart: they are merged peak block by peak block.
struct Work {
  const PeakLayout& layout;
  const ReconstructionOptions& options;
  const EntriesByPeak& entries;
  at::Tensor hidden, weight, bias;
  bool with_gradient;
  const OutputUpdates* updates;
  at::Tensor sampled_weight_grad;  // [|S|, w]
  at::Tensor sampled_bias_grad;    // [|S|]
  LossAndGradients out;

  const std::vector<int64_t>& sample() const { return *options.sampled_peaks; }
  int64_t n_cells() const { return hidden.size(0); }
  int64_t width() const { return weight.size(1); }
};

// A tile of logits of sampled peaks becomes the slopes of their closed entries,
// or stays undefined; returns the sum of softplus over these.
template <typename T>
double closed_tile(T* logits, const Work& work, const Range& tile) {
  const int64_t width = tile.last - tile.first;
  const auto at_open = [&](T value) {
    for (int64_t s = tile.first; s < tile.last; ++s) {
      const int64_t p = work.sample()[s];
      for (int64_t k = work.entries.starts[p]; k < work.entries.starts[p + 1];
           ++k) {
        logits[work.entries.cells[k] * width + (s - tile.first)] = value;
      }
    }
  };
  at_open(-1e4);  // softplus and its slope vanish
  std::vector<double> sums(work.n_cells());
  at::parallel_for(0, work.n_cells(), 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sums[i] = work.with_gradient
                    ? kernels::softplus_and_sigmoid(logits + i * width, width)
                    : kernels::softplus_sum(logits + i * width, width);
    }
  });
  if (work.with_gradient) at_open(0);
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

// The closed entries of the sampled peaks, by matrix products.
double closed_entries(Work& work) {
  const std::vector<int64_t>& sample = work.sample();
  const int64_t w = work.width();
  const auto n_sampled = static_cast<int64_t>(sample.size());
  const bool all = n_sampled == work.layout.n_peaks();
  const at::Tensor index = at::tensor(sample, at::kLong);
  const at::Tensor weight =
      all ? work.weight : work.weight.index_select(0, index);
  const at::Tensor bias =
      (all ? work.bias : work.bias.index_select(0, index)) + work.options.shift;
  const double factor = static_cast<double>(work.layout.n_peaks()) /
                        static_cast<double>(n_sampled);
  const double slope_factor = factor * work.options.scale;
  if (work.with_gradient) {
    work.sampled_weight_grad = at::zeros_like(weight);
    work.sampled_bias_grad = at::zeros_like(bias);
  }
  double total = 0;
  const int64_t tile_width = std::max<int64_t>(
      256, kTileValues / std::max<int64_t>(1, work.n_cells()));
  for (const Range& tile :
       cut(layout_of_sample(sample, work.layout), tile_width)) {
    const at::Tensor h =
        work.hidden.slice(1, tile.group * w, (tile.group + 1) * w);
    const at::Tensor part = weight.slice(0, tile.first, tile.last);
    at::Tensor logits =
        at::addmm(bias.slice(0, tile.first, tile.last), h, part.t());
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "sampled", [&] {
      total += closed_tile(logits.data_ptr<scalar_t>(), work, tile);
    });
    if (!work.with_gradient) continue;
    work.sampled_weight_grad.slice(0, tile.first, tile.last)
        .addmm_(logits.t(), h, 0, slope_factor);
    work.sampled_bias_grad.slice(0, tile.first, tile.last)
        .add_(logits.sum(0), slope_factor);
    work.out.hidden.slice(1, tile.group * w, (tile.group + 1) * w)
        .addmm_(logits, part, 1, slope_factor);
  }
  return total * factor;
}

// The open entries of one part of the peaks, block by block; also brings the
// gradients of the sampled peaks to their places. `hidden_grad` [B, w] holds
// what is to be added to the columns of the part's group.
template <typename T>
class OpenEntries {
 public:
  OpenEntries(Work& work, const Range& part, T* hidden_grad)
      : work_(work), part_(part), hidden_grad_(hidden_grad) {
    const int64_t w = work.width();
    stride_ = work.hidden.size(1);
    hidden_ = work.hidden.template data_ptr<T>() + part.group * w;
    weight_ = work.weight.template data_ptr<T>();
    bias_ = work.bias.template data_ptr<T>();
    if (work.updates != nullptr) {
      block_grad_.resize(kBlockPeaks * w);
      block_bias_grad_.resize(kBlockPeaks);
    }
  }

  // Returns the sum of softplus(-a).
  double run() {
    double total = 0;
    for (int64_t p = part_.first; p < part_.last; p += kBlockPeaks) {
      total += block(p, std::min(p + kBlockPeaks, part_.last));
    }
    return total;
  }

 private:
  double block(int64_t first, int64_t last) {
    const std::vector<int64_t>& starts = work_.entries.starts;
    const kernels::EntryRange range{starts.data() + first,
                                    work_.entries.cells.data() + starts[first],
                                    last - first};
    const int64_t n = starts[last] - starts[first], w = work_.width();
    slopes_.resize(n);
    kernels::entry_logits(slopes_.data(), range, hidden_, stride_,
                          weight_ + first * w, bias_ + first,
                          static_cast<T>(work_.options.shift), w);
    if (!work_.with_gradient) return kernels::softplus_sum(slopes_.data(), n);
    const double sum = kernels::softplus_and_sigmoid(slopes_.data(), n);
    if (work_.updates != nullptr) require_finite(sum);
    const T factor = static_cast<T>(-work_.options.omega * work_.options.scale);
    for (T& slope : slopes_) slope *= factor;
    const bool move = work_.updates != nullptr;
    T* weight_grad = move ? block_grad_.data()
                          : work_.out.weight.template data_ptr<T>() + first * w;
    T* bias_grad = move ? block_bias_grad_.data()
                        : work_.out.bias.template data_ptr<T>() + first;
    std::fill_n(weight_grad, (last - first) * w, T{0});
    std::fill_n(bias_grad, last - first, T{0});
    kernels::entry_gradients(hidden_grad_, weight_grad, bias_grad,
                             slopes_.data(), range, hidden_, stride_,
                             weight_ + first * w, w);
    add_sampled(first, last, weight_grad, bias_grad);
    // Every row moves, a gradient or not: so do its moments and its decay.
    if (move) {
      work_.updates->weight.move(weight_, weight_grad, first * w,
                                 (last - first) * w);
      work_.updates->bias.move(bias_, bias_grad, first, last - first);
    }
    return sum;
  }

  void add_sampled(int64_t first, int64_t last, T* weight_grad, T* bias_grad) {
    const std::vector<int64_t>& sample = work_.sample();
    const int64_t w = work_.width();
    const T* rows = work_.sampled_weight_grad.template data_ptr<T>();
    const T* bias = work_.sampled_bias_grad.template data_ptr<T>();
    auto s = std::lower_bound(sample.begin(), sample.end(), first);
    for (; s != sample.end() && *s < last; ++s) {
      const int64_t k = s - sample.begin();
      T* to = weight_grad + (*s - first) * w;
      for (int64_t u = 0; u < w; ++u) to[u] += rows[k * w + u];
      bias_grad[*s - first] += bias[k];
    }
  }

  Work& work_;
  Range part_;
  T* hidden_grad_;
  const T* hidden_;
  int64_t stride_;
  T* weight_;
  T* bias_;
  std::vector<T> slopes_, block_grad_, block_bias_grad_;
};

double open_entries(Work& work) {
  const int64_t w = work.width();
  const std::vector<Range> parts =
      cut(work.layout, (work.layout.n_peaks() + kParts - 1) / kParts);
  const auto n_parts = static_cast<int64_t>(parts.size());
  std::vector<double> sums(n_parts);
  at::Tensor hidden_grads;
  if (work.with_gradient) {
    hidden_grads =
        at::zeros({n_parts, work.n_cells(), w}, work.hidden.options());
  }
  AT_DISPATCH_FLOATING_TYPES(work.weight.scalar_type(), "sampled", [&] {
    scalar_t* grads =
        work.with_gradient ? hidden_grads.data_ptr<scalar_t>() : nullptr;
    at::parallel_for(0, n_parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        scalar_t* grad =
            grads == nullptr ? nullptr : grads + k * work.n_cells() * w;
        sums[k] = OpenEntries<scalar_t>(work, parts[k], grad).run();
      }
    });
  });
  double total = 0;
  for (int64_t k = 0; k < n_parts; ++k) {
    total += sums[k];
    if (!work.with_gradient) continue;
    const int64_t column = parts[k].group * w;
    work.out.hidden.slice(1, column, column + w).add_(hidden_grads[k]);
  }
  return total * work.options.omega;
}

}  // namespace

std::vector<int64_t> sample_peaks(int64_t n_peaks, double share,
                                  uint64_t seed) {
  const auto wanted =
      static_cast<int64_t>(std::llround(share * static_cast<double>(n_peaks)));
  const int64_t n = std::clamp<int64_t>(wanted, 1, n_peaks);
  // Floyd's way: one draw for each peak taken.
  std::mt19937_64 engine(seed);
  std::vector<char> taken(n_peaks, 0);
  for (int64_t k = n_peaks - n; k < n_peaks; ++k) {
    const auto draw = static_cast<int64_t>(
        uniform_below(engine, static_cast<uint64_t>(k + 1)));
    taken[taken[draw] ? k : draw] = 1;
  }
  std::vector<int64_t> peaks;
  peaks.reserve(n);
  for (int64_t p = 0; p < n_peaks; ++p) {
    if (taken[p]) peaks.push_back(p);
  }
  return peaks;
}

PeakLayout layout_of_sample(const std::vector<int64_t>& peaks,
                            const PeakLayout& layout) {
  std::vector<int64_t> sizes;
  auto from = peaks.begin();
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    const auto to = std::lower_bound(from, peaks.end(), layout.end(g));
    sizes.push_back(to - from);
    from = to;
  }
  return PeakLayout(sizes);
}

LossAndGradients loss_and_gradients_sampled(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates) {
  if (!hidden.device().is_cpu() || options.tensor_operations) {
    return loss_and_gradients_sampled_on_device(hidden, weight, bias, target,
                                                layout, options, with_gradient);
  }
  const EntriesByPeak entries = transpose_rows(target, layout.n_peaks());
  Work work{layout,
            options,
            entries,
            hidden.contiguous(),
            weight,
            bias,
            with_gradient,
            updates,
            {},
            {},
            {}};
  if (with_gradient) {
    work.out.hidden = at::zeros_like(work.hidden);
    if (updates == nullptr) {
      work.out.weight = at::empty_like(weight);
      work.out.bias = at::empty_like(bias);
    }
  }
  // The closed part first: the open one may move the weight.
  const double closed = closed_entries(work);
  if (updates != nullptr) require_finite(closed);
  const double open = open_entries(work);
  work.out.loss =
      at::full({}, (closed + open) * options.scale, hidden.options());
  return work.out;
}

}  // namespace sailer
