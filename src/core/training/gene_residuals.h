// How far predictions of genes are off, for gene_shifts().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sailer {

// Observed minus predicted expression, summed gene by gene.
struct GeneResiduals {
  explicit GeneResiduals(int64_t n_genes)
      : n(static_cast<size_t>(n_genes)), sum(static_cast<size_t>(n_genes)) {}

  void add(int64_t gene, double difference) {
    n[gene] += 1;
    sum[gene] += difference;
    squares += difference * difference;
  }

  // Each gene's mean difference minus the overall mean, shrunk towards 0:
  // posterior means under normal distributions whose variances are estimated by
  // the method of moments (DerSimonian and Laird 1986).
  std::vector<float> shrunk() const {
    double total = 0, all = 0, n_squares = 0, n_genes = 0, explained = 0;
    for (size_t gene = 0; gene < n.size(); ++gene) {
      if (n[gene] == 0) continue;
      n_genes += 1;
      total += n[gene];
      all += sum[gene];
      n_squares += n[gene] * n[gene];
      explained += sum[gene] * sum[gene] / n[gene];
    }
    std::vector<float> out(n.size(), 0.0f);
    if (total == 0) return out;
    const double mean = all / total;
    const double within =
        total > n_genes ? (squares - explained) / (total - n_genes) : 0;
    const double excess =
        explained - total * mean * mean - (n_genes - 1) * within;
    const double rest = total - n_squares / total;
    const double between = rest > 0 ? std::max(0.0, excess / rest) : 0;
    for (size_t gene = 0; gene < n.size(); ++gene) {
      if (n[gene] == 0 || between == 0) continue;
      const double own = sum[gene] / n[gene] - mean;
      const double kept = n[gene] * between / (n[gene] * between + within);
      out[gene] = static_cast<float>(kept * own);
    }
    return out;
  }

  std::vector<double> n, sum;
  double squares = 0;
};

}  // namespace sailer
