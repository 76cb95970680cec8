// The Expresser as loops over plain vectors: the reference for the code with
// tensors.
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

// One cell as the model reads it, observed genes first.
struct PlainCell {
  std::vector<int64_t> genes, bins;
  Row values, log_counts;  // of the observed genes
  double largest = 0, per_count = 1;
};

// Computes the model with loops over plain vectors, cell by cell, from its
// parameters.
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

  // The predicted expressions of the masked tokens of one cell.
  Row predict(const PlainCell& cell) const {
    const size_t n_observed = cell.bins.size();
    const Rows x = encode(cell.genes);
    const Rows masked(x.begin() + n_observed, x.end());
    const Rows mixed = options_.decoder ? decode(x, masked, cell)
                                        : rest_of(mix(x, cell), n_observed);
    Row out;
    for (size_t m = 0; m < mixed.size(); ++m) {
      Row row = mixed[m];
      row.push_back(cell.largest);
      if (counts()) row.push_back(std::log(cell.per_count));
      Rows y = {row};
      y = linear("head.0", y);
      for (double& value : y[0]) value = gelu(value);
      y = linear("head.1", y);
      for (double& value : y[0]) value = gelu(value);
      y = linear("head.2", y);
      if (counts()) {
        const auto gene = static_cast<size_t>(cell.genes[n_observed + m]);
        const double excess = std::exp(y[0][0] + at("genes.level")[0][gene]);
        out.push_back(std::log(1 + cell.per_count * (1 + excess)));
      } else {
        out.push_back(std::log(1 + std::exp(y[0][0])));
      }
    }
    return out;
  }

  // The mean of the tokens of a cell without masked genes, after they have read
  // the cell's expressions.
  Row embed(const PlainCell& cell) const {
    const Rows x = encode(cell.genes);
    const Rows read = options_.decoder ? decode(x, x, cell) : mix(x, cell);
    Row mean(read[0].size(), 0);
    for (const Row& row : read) {
      for (size_t u = 0; u < row.size(); ++u) {
        mean[u] += row[u] / static_cast<double>(read.size());
      }
    }
    return mean;
  }

  Rows encode(const std::vector<int64_t>& genes) const {
    Rows x;
    for (int64_t gene : genes) {
      Row token;
      if (options_.n_components() > 0) token = at("genes.components")[gene];
      const Row& learned = at("genes.weight")[gene];
      token.insert(token.end(), learned.begin(), learned.end());
      x.push_back(token);
    }
    for (int64_t k = 0; k < options_.n_layers; ++k) {
      x = layer("encoder." + std::to_string(k), x);
    }
    return options_.layout == NormLayout::kPreNorm ? norm("encoder.norm", x)
                                                   : x;
  }

 private:
  const Rows& at(const std::string& name) const { return parameters_.at(name); }

  bool counts() const { return options_.expression == Expression::kCounts; }

  static Rows rest_of(const Rows& x, size_t first) {
    return {x.begin() + static_cast<std::ptrdiff_t>(first), x.end()};
  }

  static Rows sum(Rows a, const Rows& b) {
    for (size_t i = 0; i < a.size(); ++i) {
      for (size_t u = 0; u < a[i].size(); ++u) a[i][u] += b[i][u];
    }
    return a;
  }

  // What is added to the observed tokens for their expressions: `bins` has a
  // row for each bin.
  Rows expressions(const Rows& bins, const PlainCell& cell) const {
    Rows out;
    for (size_t i = 0; i < cell.bins.size(); ++i) {
      Row row = bins[cell.bins[i]];
      if (counts()) {
        row = sum({row},
                  linear("amount", {{cell.values[i], cell.log_counts[i]}}))[0];
      }
      out.push_back(row);
    }
    return out;
  }

  Rows decode(const Rows& x, const Rows& masked, const PlainCell& cell) const {
    const Rows observed(x.begin(), x.begin() + cell.bins.size());
    const Rows v =
        expressions(linear("decoder.value", at("bins.weight")), cell);
    const Rows found =
        linear("decoder.out", attention(linear("decoder.query", masked),
                                        linear("decoder.key", observed), v));
    return counts() ? sum(found, masked) : found;
  }

  Rows mix(const Rows& x, const PlainCell& cell) const {
    Rows more = expressions(at("bins.weight"), cell);
    more.resize(x.size(), at("mixing.mask")[0]);
    return norm("mixing.norm", layer("mixing", sum(x, more)));
  }

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
    const std::string first = name + ".attention.norm",
                      second = name + ".feed_forward.norm";
    if (pre) {
      const Rows y = sum(x, attend(norm(first, x)));
      return sum(y, feed(norm(second, y)));
    }
    const Rows y = norm(first, sum(x, attend(x)));
    return norm(second, sum(y, feed(y)));
  }

  ExpresserOptions options_;
  std::map<std::string, Rows> parameters_;
};

}  // namespace sailer_test
