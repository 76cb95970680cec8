#include "expresser_options.h"

#include <algorithm>

#include "../support/error.h"
#include "../support/names.h"

namespace sailer {
namespace {

const Names<NormLayout>& layout_names() {
  static const Names<NormLayout> names = {{"pre_norm", NormLayout::kPreNorm},
                                          {"post_norm", NormLayout::kPostNorm}};
  return names;
}

const Names<LargestFrom>& largest_from_names() {
  static const Names<LargestFrom> names = {{"observed", LargestFrom::kObserved},
                                           {"all", LargestFrom::kAll}};
  return names;
}

const Names<Expression>& expression_names() {
  static const Names<Expression> names = {{"counts", Expression::kCounts},
                                          {"binned", Expression::kBinned}};
  return names;
}

const Names<TokenStart>& token_start_names() {
  static const Names<TokenStart> names = {
      {"components", TokenStart::kComponents}, {"random", TokenStart::kRandom}};
  return names;
}

const Names<ModelSize>& size_names() {
  static const Names<ModelSize> names = {{"small", ModelSize::kSmall},
                                         {"full", ModelSize::kFull}};
  return names;
}

void require(bool holds, const std::string& message) {
  if (!holds) throw Error(ErrorKind::kArgument, message);
}

}  // namespace

int64_t ExpresserOptions::feed_forward_units() const {
  constexpr int64_t kPostNormUnits = 2048;
  if (feed_forward != kAuto) return feed_forward;
  return layout == NormLayout::kPostNorm ? kPostNormUnits : 4 * n_embedding;
}

int64_t ExpresserOptions::n_components() const {
  constexpr int64_t kMost = 50;
  if (token_start == TokenStart::kRandom) return 0;
  return std::min(kMost, 3 * n_embedding / 4);
}

void ExpresserOptions::check() const {
  require(n_embedding >= 1, "`n_embedding` must be at least 1.");
  require(n_layers >= 0, "`n_layers` must be at least 0.");
  require(n_heads >= 1, "`n_heads` must be at least 1.");
  require(n_embedding % n_heads == 0,
          "`n_embedding` must be a multiple of `n_heads`: " +
              std::to_string(n_embedding) + " is none of " +
              std::to_string(n_heads) + ".");
  require(feed_forward >= 0, "`feed_forward` must be at least 1.");
  require(dropout >= 0 && dropout < 1,
          "`dropout` must be at least 0 and less than 1.");
  require(n_bins >= 1, "`n_bins` must be at least 1.");
  require(mask_ratio > 0 && mask_ratio < 1,
          "`mask_ratio` must be above 0 and less than 1.");
  require(max_genes >= 2, "`max_genes` must be at least 2.");
}

ExpresserOptions default_expresser_options(ModelSize size) {
  ExpresserOptions options;
  if (size == ModelSize::kSmall) {
    options.n_embedding = 64;
    options.n_layers = 4;
    options.max_genes = 512;
  }
  return options;
}

NormLayout parse_layout(const std::string& name) {
  return parse(layout_names(), "layout", name);
}
LargestFrom parse_largest_from(const std::string& name) {
  return parse(largest_from_names(), "l_from", name);
}
Expression parse_expression(const std::string& name) {
  return parse(expression_names(), "expression", name);
}
TokenStart parse_token_start(const std::string& name) {
  return parse(token_start_names(), "token_start", name);
}
ModelSize parse_size(const std::string& name) {
  return parse(size_names(), "size", name);
}
std::string name_of(NormLayout layout) {
  return name_in(layout_names(), layout);
}
std::string name_of(LargestFrom from) {
  return name_in(largest_from_names(), from);
}
std::string name_of(Expression expression) {
  return name_in(expression_names(), expression);
}
std::string name_of(TokenStart start) {
  return name_in(token_start_names(), start);
}

}  // namespace sailer
