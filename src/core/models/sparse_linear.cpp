#include "sparse_linear.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

#include "../support/error.h"
#include "../support/kernels.h"
#include "peak_blocks.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the backward pass needs from the forward pass.
struct Saved : torch::CustomClassHolder {
  EntriesByPeak entries;
  PeakLayout layout;
  at::Tensor weight;
  std::optional<AdamUpdate> update;
};

// Values in a block of gradient rows that is summed and immediately applied, so
// that it stays in the L1 cache.
constexpr int64_t kBlockValues = 4096;

// With one thread: goes through the weight once, from first to last peak.
template <typename T>
void add_by_peak(T* out, const T* weight, int64_t width,
                 const EntriesByPeak& entries, const PeakLayout& layout) {
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    kernels::spread_rows(out + g * width, layout.n_groups() * width, weight,
                         width, entries.starts.data(), entries.cells.data(),
                         layout.start(g), layout.end(g));
  }
}

// With several threads: they share the cells. Every sum has the order above.
template <typename T>
void add_by_cell(T* out, const T* weight, int64_t width,
                 const SparseRowsTensor& rows, const PeakLayout& layout) {
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = rows.indices.data_ptr<int64_t>();
  const int64_t stride = layout.n_groups() * width;
  at::parallel_for(0, rows.n_cells(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t k = offsets[i]; k < offsets[i + 1];) {
        const int64_t g = layout.group_of(indices[k]);
        int64_t last = k + 1;
        while (last < offsets[i + 1] && indices[last] >= layout.start(g) &&
               indices[last] < layout.end(g)) {
          ++last;
        }
        kernels::sum_rows(out + i * stride + g * width, weight, width,
                          indices + k, last - k);
        k = last;
      }
    }
  });
}

at::Tensor forward_cpu(const SparseRowsTensor& rows, const at::Tensor& weight,
                       const PeakLayout& layout, const EntriesByPeak& entries) {
  const int64_t width = weight.size(1);
  at::Tensor out =
      at::zeros({rows.n_cells(), layout.n_groups() * width}, weight.options());
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "sparse_linear", [&] {
    scalar_t* o = out.data_ptr<scalar_t>();
    const scalar_t* w = weight.data_ptr<scalar_t>();
    if (at::get_num_threads() == 1) {
      add_by_peak(o, w, width, entries, layout);
    } else {
      add_by_cell(o, w, width, rows, layout);
    }
  });
  return out;
}

// Writes the gradients of the weight rows of peaks [first, last), row by row.
template <typename T>
void sum_gradients(T* out, const T* grad_out, const Saved& saved, int64_t first,
                   int64_t last) {
  const int64_t width = saved.weight.size(1);
  const int64_t stride = saved.layout.n_groups() * width;
  int64_t g = saved.layout.group_of(first);
  for (int64_t p = first; p < last; ++p, out += width) {
    while (p >= saved.layout.end(g)) ++g;
    kernels::sum_cells(out, grad_out + g * width, stride, width,
                       saved.entries.cells.data() + saved.entries.starts[p],
                       saved.entries.starts[p + 1] - saved.entries.starts[p]);
  }
}

at::Tensor weight_gradient_cpu(const Saved& saved, const at::Tensor& grad_out) {
  const int64_t width = saved.weight.size(1);
  at::Tensor grad = at::empty_like(saved.weight);
  AT_DISPATCH_FLOATING_TYPES(grad.scalar_type(), "sparse_linear_grad", [&] {
    const scalar_t* g = grad_out.data_ptr<scalar_t>();
    scalar_t* w = grad.data_ptr<scalar_t>();
    at::parallel_for(0, saved.layout.n_peaks(), 512,
                     [&](int64_t begin, int64_t end) {
                       sum_gradients(w + begin * width, g, saved, begin, end);
                     });
  });
  return grad;
}

// Sums and applies the gradient of a few rows at a time.
void move_weight_cpu(const Saved& saved, const at::Tensor& grad_out) {
  const int64_t width = saved.weight.size(1);
  const int64_t rows = std::max<int64_t>(1, kBlockValues / width);
  const std::vector<int64_t>& starts = saved.entries.starts;
  AT_DISPATCH_FLOATING_TYPES(grad_out.scalar_type(), "sparse_linear_move", [&] {
    const scalar_t* g = grad_out.data_ptr<scalar_t>();
    scalar_t* w = saved.weight.data_ptr<scalar_t>();
    at::parallel_for(0, saved.layout.n_peaks(), 512,
                     [&](int64_t begin, int64_t end) {
                       std::vector<scalar_t> block(rows * width);
                       for (int64_t p = begin; p < end; p += rows) {
                         const int64_t last = std::min(p + rows, end);
                         const bool empty = starts[p] == starts[last];
                         if (!empty)
                           sum_gradients(block.data(), g, saved, p, last);
                         saved.update->move(w, empty ? nullptr : block.data(),
                                            p * width, (last - p) * width);
                       }
                     });
  });
}

class SparseLinear : public torch::autograd::Function<SparseLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weight,
                            const SparseRowsTensor& rows,
                            const PeakLayout& layout,
                            const AdamUpdate* update) {
    auto saved = c10::make_intrusive<Saved>();
    saved->entries = transpose_rows(rows, layout.n_peaks());
    saved->layout = layout;
    saved->weight = weight.detach();
    if (update != nullptr) saved->update = *update;
    const at::Tensor out = forward_cpu(rows, weight, layout, saved->entries);
    context->saved_data["saved"] = c10::IValue::make_capsule(saved);
    return out;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto holder = context->saved_data["saved"].toCapsule();
    const Saved& saved = *static_cast<const Saved*>(holder.get());
    const at::Tensor gradient = grad_out[0].contiguous();
    at::Tensor of_weight;
    if (saved.update.has_value()) {
      move_weight_cpu(saved, gradient);
    } else {
      of_weight = weight_gradient_cpu(saved, gradient);
    }
    return {of_weight, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// Returns where the entries of each (cell, group) begin, [B * groups].
at::Tensor bag_offsets(const SparseRowsTensor& rows, const PeakLayout& layout) {
  const int64_t n_cells = rows.n_cells();
  if (layout.n_groups() == 1) return rows.offsets.slice(0, 0, n_cells);
  // Entries are ordered by cell and peak, so cell * P + peak increases, and the
  // first peak of a cell's group can be searched for in it.
  const at::Tensor starts =
      peak_blocks_of(layout, rows.indices.device()).group_starts;
  const at::Tensor cell = cell_of_entry(rows.offsets, rows.indices.size(0));
  const at::Tensor place = at::add(rows.indices, cell, layout.n_peaks());
  const at::Tensor cells = at::arange(n_cells, starts.options()).unsqueeze(1);
  const at::Tensor bounds = at::add(starts, cells, layout.n_peaks());
  return at::searchsorted(place, bounds.view({-1}));
}

}  // namespace

at::Tensor sparse_linear(const SparseRowsTensor& rows, const at::Tensor& weight,
                         const PeakLayout& layout, const AdamUpdate* update) {
  if (!weight.device().is_cpu()) {
    throw_error(ErrorKind::kArgument,
                "The first layer's own kernels run only on the CPU.");
  }
  return SparseLinear::apply(weight, rows, layout, update);
}

at::Tensor sparse_linear_bags(const SparseRowsTensor& rows,
                              const at::Tensor& weight,
                              const PeakLayout& layout,
                              const at::Tensor& weights) {
  constexpr int64_t kSum = 0;
  // Absent factors are passed as an undefined tensor, because the type of the
  // optional differs between versions of LibTorch.
  const at::Tensor bags = std::get<0>(at::embedding_bag(
      weight, rows.indices, bag_offsets(rows, layout),
      /*scale_grad_by_freq=*/false, kSum, /*sparse=*/false, weights));
  return bags.reshape({rows.n_cells(), layout.n_groups() * weight.size(1)});
}

EntriesByPeak transpose_rows(const SparseRowsTensor& rows, int64_t n_peaks) {
  const int64_t n_cells = rows.n_cells();
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = rows.indices.data_ptr<int64_t>();
  EntriesByPeak entries;
  // Entries of peak p are counted in starts[p + 2]. After the cumulative sum,
  // starts[p + 1] is where peak p begins; it advances with each entry that is
  // filled in, and is finally where peak p ends.
  std::vector<int64_t>& starts = entries.starts;
  starts.assign(n_peaks + 2, 0);
  for (int64_t k = offsets[0]; k < offsets[n_cells]; ++k) {
    ++starts[indices[k] + 2];
  }
  for (int64_t p = 0; p < n_peaks; ++p) starts[p + 2] += starts[p + 1];
  entries.cells.resize(offsets[n_cells] - offsets[0]);
  for (int64_t i = 0; i < n_cells; ++i) {
    for (int64_t k = offsets[i]; k < offsets[i + 1]; ++k) {
      entries.cells[starts[indices[k] + 1]++] = static_cast<int32_t>(i);
    }
  }
  starts.pop_back();
  return entries;
}

}  // namespace sailer
