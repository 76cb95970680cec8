#include "expresser_schedule.h"

#include <algorithm>
#include <cmath>

namespace sailer {
namespace {

int64_t batch_for(int64_t n_cells) {
  constexpr int64_t kLeast = 16, kMost = 256, kBatches = 100;
  return std::clamp(n_cells / kBatches, kLeast, kMost);
}

int64_t epochs_for(int64_t n_cells) {
  constexpr int64_t kLeast = 6, kMost = 100, kCells = 300000;
  return std::clamp(kCells / std::max<int64_t>(1, n_cells), kLeast, kMost);
}

// The thesis' 1e-4 at 200 dimensions; smaller models take larger steps.
double rate_for(int64_t n_embedding) {
  constexpr double kRate = 1e-4, kAt = 200, kMost = 1e-3;
  const double ratio = kAt / static_cast<double>(n_embedding);
  return std::clamp(kRate * ratio * ratio, kRate, kMost);
}

// The number of tokens for which a training step fits into the free memory,
// besides parameters and the kernels' temporary buffers.
int64_t tokens_that_fit(int64_t free_bytes, const ExpresserOptions& model,
                        const PretrainOptions& options) {
  constexpr int64_t kLeast = 4096, kUnknown = 32768;
  constexpr double kShare = 0.7;
  const int64_t most = std::max(kLeast, options.batch_size * model.max_genes);
  if (free_bytes <= 0) return std::min(kUnknown, most);
  const auto per_token = static_cast<double>(
      training_bytes_per_token(model, options.compute.precision));
  const double fit = kShare * static_cast<double>(free_bytes) / per_token;
  return std::clamp(static_cast<int64_t>(fit), kLeast, most);
}

}  // namespace

PretrainOptions PretrainOptions::resolve(
    int64_t n_cells, const ExpresserOptions& model,
    std::optional<int64_t> free_bytes) const {
  constexpr int64_t kTokensOnCpu = 4096;
  constexpr int64_t kLongestRise = 2000, kRise = 10;
  PretrainOptions out = *this;
  if (epochs == kAuto) out.epochs = epochs_for(n_cells);
  if (batch_size == kAuto) out.batch_size = batch_for(n_cells);
  if (token_budget == kAuto) {
    out.token_budget = free_bytes.has_value()
                           ? tokens_that_fit(*free_bytes, model, out)
                           : kTokensOnCpu;
  }
  if (learning_rate == kAuto) out.learning_rate = rate_for(model.n_embedding);
  if (warmup == kAuto) {
    const int64_t per_epoch = (n_cells + out.batch_size - 1) / out.batch_size;
    out.warmup = std::min(kLongestRise, out.epochs * per_epoch / kRise);
  }
  return out;
}

RunOptions PretrainOptions::run() const {
  return {epochs, patience, weight_decay, compute.engine, clip};
}

double cosine_rate(double learning_rate, double final_share, int64_t warmup,
                   int64_t n_steps, int64_t step) {
  constexpr double kPi = 3.14159265358979323846;
  if (step < warmup) {
    return learning_rate * static_cast<double>(step + 1) /
           static_cast<double>(warmup);
  }
  const double along =
      static_cast<double>(step - warmup) /
      static_cast<double>(std::max<int64_t>(1, n_steps - warmup));
  const double share = 0.5 * (1 + std::cos(kPi * std::min(1.0, along)));
  return learning_rate * (final_share + (1 - final_share) * share);
}

}  // namespace sailer
