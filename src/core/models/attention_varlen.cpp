#include "attention_varlen.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "../support/cuda_driver.h"
#include "../support/error.h"
#include "../support/torch_version.h"

namespace sailer {

at::Tensor pad_heads(const at::Tensor& x) {
  const int64_t over = x.size(-1) % kHeadMultiple;
  return over == 0 ? x : at::constant_pad_nd(x, {0, kHeadMultiple - over});
}

#if SAILER_LIBTORCH_AT_LEAST(2, 6)

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Requests deterministic algorithms while in scope. Without that the order in
// which FlashAttention sums the gradient of the queries depends on timing.
class OneOrder {
 public:
  OneOrder()
      : asked_(at::globalContext().deterministicAlgorithms()),
        warns_(at::globalContext().deterministicAlgorithmsWarnOnly()) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  }
  ~OneOrder() {
    at::globalContext().setDeterministicAlgorithms(asked_, warns_);
  }
  OneOrder(const OneOrder&) = delete;
  OneOrder& operator=(const OneOrder&) = delete;

 private:
  bool asked_, warns_;
};

// The cells in the form that the kernels take.
struct Cells : torch::CustomClassHolder {
  at::Tensor query_starts, key_starts;  // int32
  int64_t longest_query = 0, longest_key = 0;
  double scale = 1;
};

bool by_flash(const at::Tensor& q) {
  return q.scalar_type() == at::kBFloat16 && cuda_capability(q.device()) >= 80;
}

// q, k, v: [rows, heads, head].
class VarlenAttention : public torch::autograd::Function<VarlenAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q,
                            const at::Tensor& k, const at::Tensor& v,
                            const c10::intrusive_ptr<Cells>& cells) {
    at::Tensor out, lse, seed, offset;
    if (by_flash(q)) {
      const auto found = at::_flash_attention_forward(
          q, k, v, cells->query_starts, cells->key_starts, cells->longest_query,
          cells->longest_key, /*dropout_p=*/0,
          /*is_causal=*/false, /*return_debug_mask=*/false, cells->scale);
      out = std::get<0>(found);
      lse = std::get<1>(found);
      seed = std::get<2>(found);
      offset = std::get<3>(found);
    } else {
      const auto found = at::_efficient_attention_forward(
          q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), /*bias=*/{},
          cells->query_starts, cells->key_starts, cells->longest_query,
          cells->longest_key, /*dropout_p=*/0, /*custom_mask_type=*/0,
          /*compute_log_sumexp=*/true, cells->scale);
      out = std::get<0>(found).squeeze(0);
      lse = std::get<1>(found);
      seed = std::get<2>(found);
      offset = std::get<3>(found);
    }
    context->save_for_backward({q, k, v, out, lse, seed, offset});
    context->saved_data["cells"] = c10::IValue::make_capsule(cells);
    return out;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const auto holder = context->saved_data["cells"].toCapsule();
    const Cells& cells = *static_cast<const Cells*>(holder.get());
    const at::Tensor g = grad_out[0].contiguous();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2],
                     &out = saved[3];
    if (by_flash(q)) {
      const OneOrder one_order;
      const auto found = at::_flash_attention_backward(
          g, q, k, v, out, saved[4], cells.query_starts, cells.key_starts,
          cells.longest_query, cells.longest_key, /*dropout_p=*/0,
          /*is_causal=*/false, saved[5], saved[6], cells.scale);
      return {std::get<0>(found), std::get<1>(found), std::get<2>(found),
              at::Tensor()};
    }
    const auto found = at::_efficient_attention_backward(
        g.unsqueeze(0), q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0),
        /*bias=*/{}, out.unsqueeze(0), cells.query_starts, cells.key_starts,
        cells.longest_query, cells.longest_key, saved[4], /*dropout_p=*/0,
        saved[5], saved[6], /*custom_mask_type=*/0,
        /*bias_requires_grad=*/false, cells.scale, /*num_splits_key=*/1);
    return {std::get<0>(found).squeeze(0), std::get<1>(found).squeeze(0),
            std::get<2>(found).squeeze(0), at::Tensor()};
  }
};

// Tries a forward and a backward pass over two cells.
bool can_attend(const at::TensorOptions& options) {
  const AttentionRows rows({{0, 2, 3}}, {{0, 1, 4}}, options.device());
  const auto ones = [&](int64_t n) {
    return at::ones({n, kHeadMultiple}, options).set_requires_grad(true);
  };
  try {
    const at::AutoGradMode gradients(true);
    const at::Tensor q = ones(3), k = ones(4), v = ones(4);
    attend_varlen(q, k, v, rows, 1).sum().backward();
    // An error on a device surfaces only when a value is next fetched.
    return q.grad().isfinite().all().item<bool>();
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace

bool has_varlen_attention(const at::Tensor& q) {
  if (!q.is_cuda() || q.scalar_type() == at::kDouble) return false;
  static auto& mutex = *new std::mutex;
  static auto& known = *new std::map<std::pair<int, at::ScalarType>, bool>;
  const std::lock_guard<std::mutex> lock(mutex);
  const std::pair<int, at::ScalarType> key(q.device().index(), q.scalar_type());
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  const auto options =
      at::TensorOptions().device(q.device()).dtype(q.scalar_type());
  return known[key] = can_attend(options);
}

at::Tensor attend_varlen(const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const AttentionRows& rows,
                         int64_t n_heads) {
  const int64_t width = q.size(1), head = width / n_heads;
  const auto heads = [&](const at::Tensor& x) {
    return pad_heads(x.view({x.size(0), n_heads, head}));
  };
  auto cells = c10::make_intrusive<Cells>();
  cells->query_starts = rows.query_starts();
  cells->key_starts = rows.key_starts();
  cells->longest_query = rows.longest_query();
  cells->longest_key = rows.longest_key();
  cells->scale = 1 / std::sqrt(static_cast<double>(head));
  const at::Tensor out =
      VarlenAttention::apply(heads(q), heads(k), heads(v), cells);
  return out.narrow(2, 0, head).reshape({q.size(0), width});
}

#else

bool has_varlen_attention(const at::Tensor&) { return false; }

at::Tensor attend_varlen(const at::Tensor&, const at::Tensor&,
                         const at::Tensor&, const AttentionRows&, int64_t) {
  throw_error(
      ErrorKind::kInternal,
      "This LibTorch has no attention over cells of different lengths.");
}

#endif

}  // namespace sailer
