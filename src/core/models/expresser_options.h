// The options of an Expresser model and their defaults (thesis 4.2.1-4.2.2).
// Torch-free.
#pragma once

#include <cstdint>

#include "../support/options.h"
#include "compute_options.h"

namespace sailer {

// Where the layers of the encoder apply normalisation.
enum class NormLayout {
  kPreNorm,  // before attention and feed-forward, GELU; trains stably when deep
  kPostNorm  // after them, ReLU, feed-forward 2048: PyTorch's default layer
};
inline const Names<NormLayout>& names_of(NormLayout) {
  static const Names<NormLayout> names = {{"pre_norm", NormLayout::kPreNorm},
                                          {"post_norm", NormLayout::kPostNorm}};
  return names;
}

// The genes of a cell over which the largest expression L is taken.
enum class LargestFrom {
  kObserved,  // those that are not masked
  kAll        // as the thesis is worded; reveals something about masked genes
};
inline const Names<LargestFrom>& names_of(LargestFrom) {
  static const Names<LargestFrom> names = {{"observed", LargestFrom::kObserved},
                                           {"all", LargestFrom::kAll}};
  return names;
}

// The form in which the model reads and predicts a gene's expression.
enum class Expression {
  kCounts,  // counts, given the depth of the cell
  kBinned   // binned values only, as in the thesis
};
inline const Names<Expression>& names_of(Expression) {
  static const Names<Expression> names = {{"counts", Expression::kCounts},
                                          {"binned", Expression::kBinned}};
  return names;
}

// The initial tokens of the genes.
enum class TokenStart {
  kComponents,  // fixed components of the cells, next to learned values
  kRandom       // small random values, all learned, as in the thesis
};
inline const Names<TokenStart>& names_of(TokenStart) {
  static const Names<TokenStart> names = {
      {"components", TokenStart::kComponents}, {"random", TokenStart::kRandom}};
  return names;
}

// Two sizes: that of the thesis, and one that trains on a laptop in minutes.
enum class ModelSize { kSmall, kFull };
inline const Names<ModelSize>& names_of(ModelSize) {
  static const Names<ModelSize> names = {{"small", ModelSize::kSmall},
                                         {"full", ModelSize::kFull}};
  return names;
}

struct ExpresserOptions {
  static constexpr int64_t kAuto = kAutoOption;

  ModelSize size = ModelSize::kFull;  // decides other defaults
  int64_t n_embedding = 200;
  int64_t n_layers = 12;
  int64_t n_heads = 4;
  int64_t feed_forward = kAuto;  // see feed_forward_units()
  NormLayout layout = NormLayout::kPreNorm;
  double dropout = 0.1;
  bool decoder = true;
  Expression expression = Expression::kCounts;
  TokenStart token_start = TokenStart::kComponents;
  int64_t n_bins = 50;
  double mask_ratio = 0.3;
  int64_t max_genes = 1100;
  LargestFrom l_from = LargestFrom::kObserved;

  int64_t feed_forward_units() const;

  // Components among the n_embedding values of a token: 3/4 of them, at most
  // 50; 0 with TokenStart::kRandom.
  int64_t n_components() const;

  // Throws Error(kArgument) that names the invalid option and its valid values.
  void check() const;
};

// Bytes of device memory that a training step holds for each token of a piece
// between the forward and the backward pass.
int64_t training_bytes_per_token(const ExpresserOptions& options,
                                 Precision precision);

// The valid values of each option and its R help.
template <typename Visit>
void describe(ExpresserOptions& o, const Visit& option) {
  option("size", o.size, kAny, R"(
    `"small"` or `"full"`, which decides the other defaults. NULL, the default,
    is `"full"` for at least 200,000 cells.)");
  option("n_embedding", o.n_embedding, at_least(1), R"(
    Dimensions of a gene's embedding and of the encoder's hidden states; a
    multiple of `n_heads`. Default 200, small 64.)");
  option("n_layers", o.n_layers, at_least(0), R"(
    Number of encoder layers. Default 12, small 4.)");
  option("n_heads", o.n_heads, at_least(1), R"(
    Number of attention heads. Default 4.)");
  option("feed_forward", o.feed_forward, at_least(1).or_auto(), R"(
    Units of the feed-forward part of each layer. Default 4 times `n_embedding`;
    2048 with `layout = "post_norm"`.)");
  option("layout", o.layout, kAny, R"(
    `"pre_norm"`: layers normalise their input and use GELU; `"post_norm"`: they
    normalise their output and use ReLU, as in the original transformer. Default
    `"pre_norm"`.)");
  option("dropout", o.dropout, at_least(0).less_than(1), R"(
    Dropout rate in training. Default 0.1.)");
  option("decoder", o.decoder, kAny, R"(
    TRUE, the default, uses the expression decoder; FALSE, for comparison, uses
    one more encoder layer in its place ("w/o Decoder").)");
  option("expression", o.expression, kAny, R"(
    `"counts"` or `"binned"`: what the model reads and predicts. See the section
    on linear initialisation. Default `"counts"`.)");
  option("token_start", o.token_start, kAny, R"(
    `"components"` or `"random"`: how the tokens are initialised. See the
    section on linear initialisation. Default `"components"`.)");
  option("n_bins", o.n_bins, at_least(1), R"(
    Number of bins for expression, up to the cell's largest value. Default
    50.)");
  option("mask_ratio", o.mask_ratio, above(0).less_than(1), R"(
    Share of a cell's genes that are masked, above 0 and below 1. Default
    0.3.)");
  option("max_genes", o.max_genes, at_least(2), R"(
    Maximum number of genes of a cell used in a step, chosen anew at random in
    each epoch. Default 1100, small 512.)");
  option("l_from", o.l_from, kAny, R"(
    Which genes of a cell determine its largest expression, which scales the
    bins and the prediction: `"observed"`, those that are not masked, or
    `"all"`, as the thesis is worded, which reveals something about masked
    genes. Default `"observed"`.)");
}

ExpresserOptions default_expresser_options(ModelSize size);

}  // namespace sailer
