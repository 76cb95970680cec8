#include "expresser_options.h"

#include <algorithm>

namespace sailer {

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
  check_options(*this);
  require(n_embedding % n_heads == 0,
          "`n_embedding` must be a multiple of `n_heads`: " +
              std::to_string(n_embedding) + " is none of " +
              std::to_string(n_heads) + ".");
}

ExpresserOptions default_expresser_options(ModelSize size) {
  ExpresserOptions options;
  options.size = size;
  if (size == ModelSize::kSmall) {
    options.n_embedding = 64;
    options.n_layers = 4;
    options.max_genes = 512;
  }
  return options;
}

}  // namespace sailer
