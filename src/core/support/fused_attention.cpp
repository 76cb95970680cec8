#include "fused_attention.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "torch_version.h"

namespace sailer {

#if SAILER_LIBTORCH_AT_LEAST(2, 0)

at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k,
                           const at::Tensor& v, const at::Tensor& allowed) {
  constexpr int64_t kMultiple = 8;
  const int64_t head = q.size(3);
  const int64_t padded = (head + kMultiple - 1) / kMultiple * kMultiple;
  const auto pad = [&](const at::Tensor& x) {
    return padded == head ? x : at::constant_pad_nd(x, {0, padded - head});
  };
  // It divides by the root of the padded size; the argument that says otherwise
  // is not in 2.0.
  const double scale =
      std::sqrt(static_cast<double>(padded) / static_cast<double>(head));
  const at::Tensor mask = allowed.expand({q.size(0), 1, q.size(2), k.size(2)});
  const at::Tensor out = at::scaled_dot_product_attention(
      pad(padded == head ? q : q * scale), pad(k), pad(v), mask);
  return out.narrow(3, 0, head);
}

#else

at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& k,
                           const at::Tensor& v, const at::Tensor& allowed) {
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor scores =
      at::matmul(q, k.transpose(-2, -1))
          .mul(scale)
          .masked_fill(allowed.logical_not(),
                       -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), v);
}

#endif

}  // namespace sailer
