// The Expresser by loops over plain vectors: what the tensors are compared
// with.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/models/expresser_model.h"

namespace sailer_test {

using namespace sailer;

using Row = std::vector<double>;
using Rows = std::vector<Row>;

// The model by loops over plain vectors, cell by cell, from its parameters.
class PlainExpresser {
 public:
  explicit PlainExpresser(ExpresserModel& model) : options_(model.options()) {
    for (const NamedTensor& entry : model.parameters().tensors()) {
      const at::Tensor t = entry.tensor.detach().contiguous();
      const double* data = t.data_ptr<double>();
      const int64_t columns = t.dim() == 2 ? t.size(1) : t.size(0);
      Rows& rows = parameters_[entry.name];
      for (int64_t k = 0; k < t.numel(); k += columns) {
        rows.emplace_back(data + k, data + k + columns);
      }
    }
  }

  // Expressions of the masked tokens of one cell: `genes` observed first.
  Row predict(const std::vector<int64_t>& genes,
              const std::vector<int64_t>& bins, double largest) const {
    const size_t n_observed = bins.size();
    Rows x = encode(genes);
    Rows mixed;
    if (options_.decoder) {
      Rows q(x.begin() + n_observed, x.end()),
          k(x.begin(), x.begin() + n_observed);
      Rows v;
      for (int64_t bin : bins) v.push_back(at("bins.weight")[bin]);
      mixed = linear("decoder.out", attention(linear("decoder.query", q),
                                              linear("decoder.key", k),
                                              linear("decoder.value", v)));
    } else {
      for (size_t i = 0; i < x.size(); ++i) {
        const Row& more =
            i < n_observed ? at("bins.weight")[bins[i]] : at("mixing.mask")[0];
        for (size_t u = 0; u < more.size(); ++u) x[i][u] += more[u];
      }
      const Rows all = norm("mixing.norm", layer("mixing", x));
      mixed.assign(all.begin() + n_observed, all.end());
    }
    Row out;
    for (Row row : mixed) {
      row.push_back(largest);
      Rows y = {row};
      y = linear("head.0", y);
      for (double& value : y[0]) value = gelu(value);
      y = linear("head.1", y);
      for (double& value : y[0]) value = gelu(value);
      y = linear("head.2", y);
      out.push_back(std::log(1 + std::exp(y[0][0])));
    }
    return out;
  }

  Rows encode(const std::vector<int64_t>& genes) const {
    Rows x;
    for (int64_t gene : genes) x.push_back(at("genes.weight")[gene]);
    for (int64_t k = 0; k < options_.n_layers; ++k) {
      x = layer("encoder." + std::to_string(k), x);
    }
    return options_.layout == NormLayout::kPreNorm ? norm("encoder.norm", x)
                                                   : x;
  }

 private:
  const Rows& at(const std::string& name) const { return parameters_.at(name); }

  static double gelu(double x) {
    return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  }

  Rows linear(const std::string& name, const Rows& x) const {
    const Rows& weight = at(name + ".weight");
    const Row& bias = at(name + ".bias")[0];
    Rows out;
    for (const Row& row : x) {
      Row y = bias;
      for (size_t i = 0; i < row.size(); ++i) {
        for (size_t u = 0; u < y.size(); ++u) y[u] += row[i] * weight[i][u];
      }
      out.push_back(y);
    }
    return out;
  }

  Rows norm(const std::string& name, Rows x) const {
    for (Row& row : x) {
      double mean = 0, variance = 0;
      const auto n = static_cast<double>(row.size());
      for (double value : row) mean += value / n;
      for (double value : row) variance += (value - mean) * (value - mean) / n;
      for (size_t u = 0; u < row.size(); ++u) {
        row[u] = (row[u] - mean) / std::sqrt(variance + 1e-5) *
                     at(name + ".weight")[0][u] +
                 at(name + ".bias")[0][u];
      }
    }
    return x;
  }

  Rows attention(const Rows& q, const Rows& k, const Rows& v) const {
    const size_t d = q[0].size(), head = d / options_.n_heads;
    Rows out(q.size(), Row(d, 0));
    for (size_t h = 0; h < d; h += head) {
      for (size_t i = 0; i < q.size(); ++i) {
        double total = 0;
        for (size_t j = 0; j < k.size(); ++j) {
          double score = 0;
          for (size_t u = h; u < h + head; ++u) score += q[i][u] * k[j][u];
          const double weight = std::exp(score / std::sqrt(double(head)));
          total += weight;
          for (size_t u = h; u < h + head; ++u) out[i][u] += weight * v[j][u];
        }
        for (size_t u = h; u < h + head; ++u) out[i][u] /= total;
      }
    }
    return out;
  }

  Rows layer(const std::string& name, const Rows& x) const {
    const bool pre = options_.layout == NormLayout::kPreNorm;
    const auto attend = [&](const Rows& y) {
      const std::string part = name + ".attention.";
      return linear(part + "out", attention(linear(part + "query", y),
                                            linear(part + "key", y),
                                            linear(part + "value", y)));
    };
    const auto feed = [&](const Rows& y) {
      Rows hidden = linear(name + ".feed_forward.up", y);
      for (Row& row : hidden) {
        for (double& value : row) {
          value = pre ? gelu(value) : std::max(0.0, value);
        }
      }
      return linear(name + ".feed_forward.down", hidden);
    };
    const auto add = [](Rows a, const Rows& b) {
      for (size_t i = 0; i < a.size(); ++i) {
        for (size_t u = 0; u < a[i].size(); ++u) a[i][u] += b[i][u];
      }
      return a;
    };
    const std::string first = name + ".attention.norm",
                      second = name + ".feed_forward.norm";
    if (pre) {
      const Rows y = add(x, attend(norm(first, x)));
      return add(y, feed(norm(second, y)));
    }
    const Rows y = norm(first, add(x, attend(x)));
    return norm(second, add(y, feed(y)));
  }

  ExpresserOptions options_;
  std::map<std::string, Rows> parameters_;
};

}  // namespace sailer_test
