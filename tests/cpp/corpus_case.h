// Small corpora for tests, and the dense matrices that they must contain.
#pragma once

#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../../src/core/data/readers/sources.h"
#include "../../src/core/data/store/corpus_writer.h"
#include "../../src/core/data/store/store.h"
#include "source_checks.h"

namespace sailer_test {

inline std::string bytes_in(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void put_bytes_in(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline sailer::CellSourcePtr source_of(const Counts& counts) {
  sailer::StoreOptions options;
  options.description = "test cells";
  options.values = sailer::Packed::kCounts;
  sailer::StoreWriter writer(counts.n_features, options);
  REQUIRE_FALSE(writer.append(sparse_rows(counts)));
  return writer.finish();
}

// What a corpus must contain of `counts`: features summed by gene, no empty
// cells.
inline Counts expected_of(const Counts& counts, const sailer::FeatureMap& map,
                          int64_t n_genes) {
  Counts kept{0, n_genes, {}};
  for (int64_t cell = 0; cell < counts.n_cells; ++cell) {
    std::vector<float> row(static_cast<size_t>(n_genes), 0.0f);
    float sum = 0;
    for (int64_t f = 0; f < counts.n_features; ++f) {
      const auto gene =
          map.empty() ? static_cast<int32_t>(f) : map[static_cast<size_t>(f)];
      if (gene < 0) continue;
      row[static_cast<size_t>(gene)] += counts.at(cell, f);
      sum += counts.at(cell, f);
    }
    if (sum == 0) continue;
    kept.values.insert(kept.values.end(), row.begin(), row.end());
    ++kept.n_cells;
  }
  return kept;
}

inline Counts stacked(Counts first, const Counts& second) {
  first.values.insert(first.values.end(), second.values.begin(),
                      second.values.end());
  first.n_cells += second.n_cells;
  return first;
}

inline sailer::packed::Genes genes_named(int64_t n) {
  sailer::packed::Genes genes;
  genes.recipe = "a test";
  genes.gene = numbered("gene", n);
  genes.symbol = numbered("S", n);
  genes.ensembl = numbered("ENSG", n);
  return genes;
}

// Two sources; in the second one several features map to the same gene.
struct CorpusCase {
  static constexpr int64_t kGenes = 31;

  explicit CorpusCase(int64_t n_cells = 70, int64_t block_cells = 12)
      : limits{block_cells, 1 << 20} {
    for (unsigned seed : {1u, 2u}) {
      counts.push_back(random_counts(n_cells, seed == 1 ? kGenes : 40, seed));
    }
    maps.emplace_back();
    for (int32_t f = 0; f < 40; ++f) {
      maps.back().push_back(f % 9 == 8 ? -1 : (f * 7) % 29);
    }
  }

  Counts expected(size_t n_sources = 2) const {
    Counts all{0, kGenes, {}};
    for (size_t k = 0; k < n_sources; ++k) {
      all = stacked(all, expected_of(counts[k], maps[k], kGenes));
    }
    return all;
  }

  sailer::CorpusInput input(size_t k) const {
    return {"source " + std::to_string(k), source_of(counts[k]), maps[k]};
  }

  // Builds the whole corpus, or resumes a build at the end of the file.
  void build(const std::string& path) const {
    sailer::Monitor monitor;
    sailer::CorpusWriter writer(path, genes_named(kGenes),
                                sailer::CorpusMode::kBuild, limits);
    for (size_t k = 0; k < counts.size(); ++k) {
      const auto done = writer.append(input(k), monitor);
      REQUIRE_FALSE(done.problem);
      REQUIRE_FALSE(done.stopped);
    }
    writer.finish();
  }

  std::vector<Counts> counts;
  std::vector<sailer::FeatureMap> maps{sailer::FeatureMap{}};
  sailer::packed::BlockLimits limits;
};

}  // namespace sailer_test
