#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"
#include "core/models/attention.h"
#include "core/models/attention_varlen.h"
#include "core/support/device.h"
#include "operations.h"
#include "torch_helpers.h"

namespace attention_test {

using namespace sailer;
using namespace sailer_test;

namespace {

Segments lengths(const std::vector<int64_t>& of) {
  Segments out;
  for (int64_t n : of) out.starts.push_back(out.total() + n);
  return out;
}

struct Case {
  Segments queries, keys;
  int64_t n_heads;
  at::Tensor q, k, v;
};

Case make_case(const std::vector<int64_t>& queries,
               const std::vector<int64_t>& keys, int64_t n_heads, int64_t head,
               at::ScalarType type) {
  Case out{lengths(queries), lengths(keys), n_heads, {}, {}, {}};
  const int64_t d = n_heads * head;
  out.q = random_tensor({out.queries.total(), d}, 1).to(type);
  out.k = random_tensor({out.keys.total(), d}, 2).to(type);
  out.v = random_tensor({out.keys.total(), d}, 3).to(type);
  return out;
}

at::Tensor run(const Case& c, Engine engine) {
  const AttentionRows rows(c.queries, c.keys, c.q.device());
  return attend(c.q, c.k, c.v, rows, {c.n_heads, engine});
}

// Eq. 4.2-4.3 as loops over cells, heads, queries, keys and columns.
at::Tensor by_loops(const Case& c) {
  const int64_t d = c.q.size(1), head = d / c.n_heads;
  at::Tensor out = at::zeros({c.q.size(0), d}, doubles());
  const auto q = c.q.to(at::kDouble), k = c.k.to(at::kDouble),
             v = c.v.to(at::kDouble);
  const auto Q = q.accessor<double, 2>(), K = k.accessor<double, 2>(),
             V = v.accessor<double, 2>();
  auto O = out.accessor<double, 2>();
  for (int64_t cell = 0; cell < c.queries.size(); ++cell) {
    for (int64_t h = 0; h < c.n_heads; ++h) {
      for (int64_t i = c.queries.starts[cell]; i < c.queries.starts[cell + 1];
           ++i) {
        double total = 0;
        for (int64_t j = c.keys.starts[cell]; j < c.keys.starts[cell + 1];
             ++j) {
          double score = 0;
          for (int64_t u = h * head; u < (h + 1) * head; ++u) {
            score += Q[i][u] * K[j][u];
          }
          const double weight =
              std::exp(score / std::sqrt(static_cast<double>(head)));
          total += weight;
          for (int64_t u = h * head; u < (h + 1) * head; ++u) {
            O[i][u] += weight * V[j][u];
          }
        }
        for (int64_t u = h * head; u < (h + 1) * head; ++u) O[i][u] /= total;
      }
    }
  }
  return out;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

const std::vector<int64_t> kQueries = {7, 1, 40, 0, 19},
                           kKeys = {5, 33, 1, 3, 16};

}  // namespace

TEST_CASE("attention equals plain loops, in every engine") {
  const int64_t head = GENERATE(3, 8, 16, 25);
  const Case c = make_case(kQueries, kKeys, 2, head, at::kDouble);
  const at::Tensor expected = by_loops(c);
  REQUIRE(distance(run(c, Engine::kTensor), expected) < 1e-12);
  const Case single = make_case(kQueries, kKeys, 2, head, at::kFloat);
  for (Engine engine : {Engine::kFused, Engine::kTensor}) {
    REQUIRE(distance(run(single, engine), expected) < 3e-6);
  }
}

TEST_CASE("large scores neither overflow nor lose the nearest key") {
  Case c = make_case({9}, {21}, 1, 16, at::kFloat);
  c.q.mul_(60);
  c.k.mul_(60);
  const at::Tensor found = run(c, Engine::kFused);
  REQUIRE(at::isfinite(found).all().item<bool>());
  // In double precision, after subtracting the largest score; heads of size 16.
  const at::Tensor scores =
      at::mm(c.q.to(at::kDouble), c.k.to(at::kDouble).t()) / 4;
  const at::Tensor weights =
      at::exp(scores - std::get<0>(scores.max(1, /*keepdim=*/true)));
  REQUIRE(distance(found, at::mm(weights, c.v.to(at::kDouble)) /
                              weights.sum(1, true)) < 2e-3);
}

TEST_CASE("gradients of attention agree with finite differences") {
  Case c = make_case({3, 0, 5}, {4, 2, 7}, 2, 3, at::kDouble);
  const at::Tensor direction = random_tensor(c.q.sizes(), 4);
  for (at::Tensor* x : {&c.q, &c.k, &c.v}) {
    x->set_requires_grad(true);
    const auto loss = [&] {
      return (run(c, Engine::kTensor) * direction).sum();
    };
    REQUIRE(gradient_error(*x, loss, 40) < 1e-8);
    x->set_requires_grad(false);
  }
}

TEST_CASE("the kernels' gradients agree with the tensor form in double") {
  const int64_t head = GENERATE(5, 16, 50);
  std::vector<at::Tensor> gradients[2];
  for (at::ScalarType type : {at::kFloat, at::kDouble}) {
    Case c = make_case(kQueries, kKeys, 2, head, type);
    for (at::Tensor* x : {&c.q, &c.k, &c.v}) x->set_requires_grad(true);
    const Engine engine = type == at::kFloat ? Engine::kFused : Engine::kTensor;
    (run(c, engine) * random_tensor(c.q.sizes(), 4).to(type)).sum().backward();
    for (at::Tensor* x : {&c.q, &c.k, &c.v}) {
      gradients[type == at::kDouble].push_back(x->grad());
    }
  }
  for (size_t k = 0; k < 3; ++k) {
    REQUIRE(distance(gradients[0][k], gradients[1][k]) < 1e-5);
  }
}

TEST_CASE("a cell's attention has the same bits regardless of other cells") {
  const Case c = make_case(kQueries, kKeys, 2, 16, at::kFloat);
  const at::Tensor all = run(c, Engine::kFused);
  for (int64_t cell = 0; cell < c.queries.size(); ++cell) {
    const auto rows = [&](const at::Tensor& x, const Segments& of) {
      return x.narrow(0, of.starts[cell], of.length(cell)).clone();
    };
    const at::Tensor alone =
        attend(rows(c.q, c.queries), rows(c.k, c.keys), rows(c.v, c.keys),
               AttentionRows(lengths({c.queries.length(cell)}),
                             lengths({c.keys.length(cell)}), at::kCPU),
               {2, Engine::kFused});
    REQUIRE(at::equal(alone, rows(all, c.queries)));
  }
}

TEST_CASE("attention without queries is empty, and has no gradient") {
  Case c = make_case({0, 0}, {2, 3}, 2, 4, at::kDouble);
  c.k.set_requires_grad(true);
  const at::Tensor found = run(c, Engine::kTensor);
  REQUIRE(found.size(0) == 0);
  REQUIRE(found.size(1) == 8);
}

// The positions of padded rows are computed once, on the device.
TEST_CASE("layers that read the same rows neither wait nor move memory") {
  Case c = make_case(kQueries, kKeys, 2, 8, at::kFloat);
  c.q.set_requires_grad(true);
  const auto layers = [&] {
    const AttentionRows rows(c.queries, c.keys, at::kCPU);
    const AttentionPlan plan{c.n_heads, Engine::kTensor};
    at::Tensor x = c.q;
    for (int k = 0; k < 3; ++k) x = attend(x, c.k, c.v, rows, plan);
    x.sum().backward();
  };
  REQUIRE(waits_of(layers) == std::vector<std::string>{});
  REQUIRE(moves_of(layers) == std::vector<std::string>{});
  // moves_of() does detect a move.
  REQUIRE(moves_of([&] { c.q.to(at::kCPU); }).size() == 1);
  const auto made = [&](int n) {
    const AttentionRows rows(c.queries, c.keys, at::kCPU);
    const auto all = operations_of([&] {
      for (int k = 0; k < n; ++k) {
        attend(c.q, c.k, c.v, rows, {c.n_heads, Engine::kTensor});
      }
    });
    return std::count_if(all.begin(), all.end(), [](const Operation& one) {
      return one.name == "aten::arange" || one.name == "aten::scatter_";
    });
  };
  REQUIRE(made(1) > 0);
  REQUIRE(made(4) == made(1));
}

TEST_CASE("a GPU's kernels for packed rows agree with the loops", "[gpu]") {
  if (list_devices().size() < 2) {
    WARN("no GPU is visible");
    return;
  }
  for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    // In training every cell has queries and keys.
    Case c = make_case({7, 1, 40, 19}, {5, 33, 1, 16}, 2, 25, at::kDouble);
    const at::Tensor expected = by_loops(c);
    std::vector<at::Tensor> gradients[3];  // of loops, and of two GPU runs
    for (int k = 0; k < 3; ++k) {
      Case one = c;
      for (at::Tensor* x : {&one.q, &one.k, &one.v}) {
        *x = (k == 0 ? x->clone() : x->to(at::kCUDA, type))
                 .set_requires_grad(true);
      }
      const at::Tensor found = run(one, Engine::kTensor);
      if (k > 0) {
        REQUIRE(has_varlen_attention(found));
        REQUIRE(distance(found.cpu(), expected) <
                (type == at::kFloat ? 1e-5 : 5e-2));
      }
      (found * random_tensor(c.q.sizes(), 4).to(found.options()))
          .sum()
          .backward();
      for (at::Tensor* x : {&one.q, &one.k, &one.v}) {
        gradients[k].push_back(x->grad().to(at::kCPU));
      }
    }
    for (size_t k = 0; k < 3; ++k) {
      REQUIRE(at::equal(gradients[1][k], gradients[2][k]));
      REQUIRE(distance(gradients[1][k], gradients[0][k]) <
              (type == at::kFloat ? 1e-4 : 2e-1));
    }
  }
}

TEST_CASE("buckets contain every cell once and need little padding") {
  const Segments queries = lengths({100, 3, 500, 480, 90, 20, 0, 431});
  const auto buckets = length_buckets(queries, queries);
  std::vector<int64_t> seen;
  for (const auto& cells : buckets) {
    for (int64_t cell : cells) {
      seen.push_back(cell);
      const int64_t longest = queries.length(cells.front());
      REQUIRE((longest <= 32 || longest * 8 <= queries.length(cell) * 9));
    }
  }
  std::sort(seen.begin(), seen.end());
  REQUIRE(seen == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
  REQUIRE(buckets.size() == 4);  // 500, 480 | 431 | 100, 90 | 20, 3, 0
}

}  // namespace attention_test
