#include "batch_genes.h"

#include <ATen/ATen.h>

namespace sailer {
namespace {

at::Tensor places_of(const std::vector<int64_t>& values,
                     const at::Device& device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

GeneBatch to_batch(HostTokens&& tokens, const at::TensorOptions& options) {
  const at::Device device = options.device();
  const auto numbers = [&](const std::vector<float>& values) {
    return at::tensor(values, at::kFloat).to(options);
  };
  GeneBatch batch;
  batch.genes = places_of(tokens.genes, device);
  batch.observed = places_of(tokens.observed, device);
  batch.bins = places_of(tokens.bins, device);
  batch.masked = places_of(tokens.masked, device);
  batch.targets = numbers(tokens.targets);
  batch.largest = numbers(tokens.largest);
  batch.per_count = numbers(tokens.per_count);
  batch.values = numbers(tokens.values);
  batch.log_counts = numbers(tokens.log_counts);
  batch.tokens.starts = std::move(tokens.token_starts);
  batch.observed_of.starts = std::move(tokens.observed_starts);
  batch.masked_of.starts = std::move(tokens.masked_starts);
  return batch;
}

}  // namespace sailer
