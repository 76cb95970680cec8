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
              std::to_string(n_embedding) + " is not a multiple of " +
              std::to_string(n_heads) + ".");
}

// Per token, with d = n_embedding and f = feed-forward units. A layer keeps:
// its input and the sum after attention, the outputs of both normalisations, q,
// k and v, and the attention's output (8 d); the inputs of the activation and
// of the last product (2 f), the latter being the activation's output unless
// there is dropout; with dropout, its masks (2 d + f); and one number per
// attention head. Outside the layers there are the token, its embedding, the
// decoder's values (observed or masked: a key and a value or a query, about
// 6 d), and gradients in the backward pass (about 2 d + 3 f).
int64_t training_bytes_per_token(const ExpresserOptions& options,
                                 Precision precision) {
  const int64_t d = options.n_embedding, f = options.feed_forward_units();
  const int64_t dropped = options.dropout > 0 ? 2 * d + f : 0;
  const int64_t layers =
      options.n_layers * (8 * d + 2 * f + dropped + options.n_heads);
  const int64_t around = 10 * d + 3 * f;
  const int64_t size = precision == Precision::kBf16 ? 2 : 4;
  return size * (layers + around);
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
