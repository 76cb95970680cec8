// The options of an Expresser model and their defaults (thesis 4.2.1-4.2.2): R
// asks for them here, so they are written once. Torch-free.
#pragma once

#include <cstdint>
#include <string>

namespace sailer {

// Where the layers of the encoder normalise.
enum class NormLayout {
  kPreNorm,  // before attention and feed-forward, GELU; trains stably when deep
  kPostNorm  // after them, ReLU, feed-forward 2048: PyTorch's default layer
};

// Of which genes of a cell the largest expression L is taken.
enum class LargestFrom {
  kObserved,  // of those that are not masked
  kAll        // the thesis' letter; it tells of masked genes
};

// What the model reads and predicts of a gene's expression.
enum class Expression {
  kCounts,  // counts, given the depth of the cell
  kBinned   // binned values alone: the thesis
};

// What the tokens of genes begin with.
enum class TokenStart {
  kComponents,  // components of the cells, which stay, beside learned numbers
  kRandom       // small random numbers, all learned: the thesis
};

// Two sizes: the thesis', and one that a laptop trains in minutes.
enum class ModelSize { kSmall, kFull };

struct ExpresserOptions {
  // Numbers of a gene's embedding, and of all that the encoder passes on.
  // Larger holds more; time grows faster than it. A multiple of n_heads.
  int64_t n_embedding = 200;

  // Layers of the encoder. More see genes in more context; none leaves the
  // embeddings to the decoder alone.
  int64_t n_layers = 12;

  // Heads of every attention.
  int64_t n_heads = 4;

  // Units of the layers' feed-forward part. Auto: 4 n_embedding, or 2048 under
  // kPostNorm.
  static constexpr int64_t kAuto = 0;
  int64_t feed_forward = kAuto;

  NormLayout layout = NormLayout::kPreNorm;

  // Share of numbers that training drops: of the embeddings, of what each part
  // of a layer adds, and within the feed-forward part.
  double dropout = 0.1;

  // True: the expression decoder. False, for comparison: one more encoder layer
  // that reads the expressions beside the tokens ("w/o Decoder").
  bool decoder = true;

  // Under kCounts the model reads the count of an observed gene and its value
  // beside the bin, knows what a single count is in the cell, and predicts a
  // count of at least 1, from the gene's mean where it is found on. Under
  // kBinned it knows values as shares of the cell's largest, and has to find
  // out the depth.
  Expression expression = Expression::kCounts;

  // Under kComponents the first n_components() numbers of a token are what
  // principal components of the training cells know of the gene.
  TokenStart token_start = TokenStart::kComponents;

  // Intervals of the expression up to the cell's largest.
  int64_t n_bins = 50;

  // Share of a cell's genes that are masked in training.
  double mask_ratio = 0.3;

  // Genes of a cell that a step looks at, at most: a fresh random choice each
  // epoch. Time and the quality of the context grow with it.
  int64_t max_genes = 1100;

  LargestFrom l_from = LargestFrom::kObserved;

  int64_t feed_forward_units() const;

  // Numbers of a token that are components: 3 of 4, at most 50.
  int64_t n_components() const;

  // Throws Error(kArgument) that names the option and says what it may be.
  void check() const;
};

ExpresserOptions default_expresser_options(ModelSize size);

// From and to the names that R uses. Throw Error(kArgument) that lists them.
NormLayout parse_layout(const std::string& name);
LargestFrom parse_largest_from(const std::string& name);
Expression parse_expression(const std::string& name);
TokenStart parse_token_start(const std::string& name);
ModelSize parse_size(const std::string& name);
std::string name_of(NormLayout layout);
std::string name_of(LargestFrom from);
std::string name_of(Expression expression);
std::string name_of(TokenStart start);

}  // namespace sailer
