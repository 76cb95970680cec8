#include "sparse_linear.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../support/kernels.h"
#include "sparse_linear_device.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor forward_cpu(const SparseRowsTensor& rows, const at::Tensor& weight,
                       const PeakLayout& layout) {
  const int64_t n_cells = rows.n_cells();
  const int64_t width = weight.size(1);
  const int64_t out_width = layout.n_groups() * width;
  const std::vector<int32_t> group = layout.group_of_peak();
  at::Tensor out = at::zeros({n_cells, out_width}, weight.options());
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = rows.indices.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "sparse_linear", [&] {
    const scalar_t* w = weight.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    at::parallel_for(0, n_cells, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        kernels::sum_rows(o + i * out_width, w, width, indices + offsets[i],
                          group.data(), offsets[i + 1] - offsets[i]);
      }
    });
  });
  return out;
}

at::Tensor weight_gradient_cpu(const SparseRowsTensor& rows,
                               const at::Tensor& grad_out, int64_t width,
                               const PeakLayout& layout) {
  const int64_t n_peaks = layout.n_peaks();
  const int64_t out_width = grad_out.size(1);
  const EntriesByPeak entries = transpose_rows(rows, n_peaks);
  const std::vector<int32_t> group = layout.group_of_peak();
  at::Tensor grad = at::zeros({n_peaks, width}, grad_out.options());
  AT_DISPATCH_FLOATING_TYPES(grad.scalar_type(), "sparse_linear_grad", [&] {
    const scalar_t* g = grad_out.data_ptr<scalar_t>();
    scalar_t* w = grad.data_ptr<scalar_t>();
    at::parallel_for(0, n_peaks, 512, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        kernels::sum_cells(w + p * width, g + group[p] * width, out_width,
                           width, entries.cells.data() + entries.starts[p],
                           entries.starts[p + 1] - entries.starts[p]);
      }
    });
  });
  return grad;
}

class SparseLinear : public torch::autograd::Function<SparseLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weight,
                            const SparseRowsTensor& rows,
                            const PeakLayout& layout) {
    context->save_for_backward({rows.offsets, rows.indices});
    context->saved_data["sizes"] = layout.sizes();
    context->saved_data["width"] = weight.size(1);
    return forward_cpu(rows, weight, layout);
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const SparseRowsTensor rows{saved[0], saved[1]};
    const PeakLayout layout(context->saved_data["sizes"].toIntVector());
    const at::Tensor grad =
        weight_gradient_cpu(rows, grad_out[0].contiguous(),
                            context->saved_data["width"].toInt(), layout);
    return {grad, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor sparse_linear(const SparseRowsTensor& rows, const at::Tensor& weight,
                         const PeakLayout& layout) {
  return weight.device().is_cpu() ? SparseLinear::apply(weight, rows, layout)
                                  : sparse_linear_bags(rows, weight, layout);
}

at::Tensor to_dense(const SparseRowsTensor& rows, int64_t n_peaks,
                    at::ScalarType type) {
  const at::Tensor lengths =
      rows.offsets.slice(0, 1) - rows.offsets.slice(0, 0, rows.n_cells());
  const at::Tensor cell = at::repeat_interleave(
      at::arange(rows.n_cells(), lengths.options()), lengths);
  at::Tensor dense =
      at::zeros({rows.n_cells(), n_peaks}, rows.indices.options().dtype(type));
  dense.index_put_({cell, rows.indices}, at::ones({}, dense.options()));
  return dense;
}

at::Tensor sparse_linear_dense(const SparseRowsTensor& rows,
                               const at::Tensor& weight,
                               const PeakLayout& layout) {
  const at::Tensor dense =
      to_dense(rows, layout.n_peaks(), weight.scalar_type());
  std::vector<at::Tensor> parts;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    parts.push_back(dense.slice(1, layout.start(g), layout.end(g))
                        .mm(weight.slice(0, layout.start(g), layout.end(g))));
  }
  return at::cat(parts, 1);
}

EntriesByPeak transpose_rows(const SparseRowsTensor& rows, int64_t n_peaks) {
  const int64_t n_cells = rows.n_cells();
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  const int64_t* indices = rows.indices.data_ptr<int64_t>();
  EntriesByPeak entries;
  entries.starts.assign(n_peaks + 1, 0);
  for (int64_t k = offsets[0]; k < offsets[n_cells]; ++k) {
    ++entries.starts[indices[k] + 1];
  }
  for (int64_t p = 0; p < n_peaks; ++p) {
    entries.starts[p + 1] += entries.starts[p];
  }
  entries.cells.resize(entries.starts[n_peaks]);
  std::vector<int64_t> next(entries.starts.begin(), entries.starts.end() - 1);
  for (int64_t i = 0; i < n_cells; ++i) {
    for (int64_t k = offsets[i]; k < offsets[i + 1]; ++k) {
      entries.cells[next[indices[k]]++] = static_cast<int32_t>(i);
    }
  }
  return entries;
}

}  // namespace sailer
