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

// Of d = n_embedding and f = feed_forward numbers a token. A layer keeps: its
// input and the sum after attention, what both normalisations give, q, k and v,
// what attention gives (8 d); what goes into the activation and what the last
// product reads (2 f); with dropout what was dropped (2 d + f), and without the
// activation is what that product reads. Around the layers there are the token,
// its embedding, what the decoder makes of it (observed or masked: a key and a
// value or a query, some 6 d), and gradients on their way back (some 2 d + 3
// f).
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
