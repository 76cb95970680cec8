#include "batch_genes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "../../support/to_device.h"

namespace sailer {
namespace {

// Concatenates vectors of T.
template <typename T>
at::Tensor joined(const std::vector<const std::vector<T>*>& parts,
                  at::ScalarType type, const at::Device& device) {
  int64_t n = 0;
  for (const auto* part : parts) n += n_of(*part);
  at::Tensor out = empty_for_device({n}, type, device);
  T* to = out.data_ptr<T>();
  for (const auto* part : parts) to = std::copy(part->begin(), part->end(), to);
  return out;
}

// Sets the views from the two tensors that hold them.
void find_parts(GeneBatch& batch) {
  const auto take = [](const at::Tensor& from, int64_t& place, int64_t n) {
    place += n;
    return from.narrow(0, place - n, n);
  };
  const int64_t n_tokens = batch.tokens.total();
  const int64_t n_observed = batch.observed_of.total();
  const int64_t n_masked = batch.n_masked();
  int64_t place = 0;
  batch.genes = take(batch.integers, place, n_tokens);
  batch.observed = take(batch.integers, place, n_observed);
  batch.bins = take(batch.integers, place, n_observed);
  batch.masked = take(batch.integers, place, n_masked);
  place = 0;
  batch.values = take(batch.expressions, place, n_observed);
  batch.log_counts = take(batch.expressions, place, n_observed);
  batch.targets = take(batch.expressions, place, n_masked);
  batch.largest = take(batch.expressions, place, n_masked);
  batch.per_count = take(batch.expressions, place, n_masked);
}

}  // namespace

GeneBatch make_gene_batch(HostTokens&& tokens, at::ScalarType type,
                          const at::Device& device) {
  GeneBatch batch;
  batch.integers = joined<int64_t>(
      {&tokens.genes, &tokens.observed, &tokens.bins, &tokens.masked},
      at::kLong, device);
  batch.expressions =
      joined<float>({&tokens.values, &tokens.log_counts, &tokens.targets,
                     &tokens.largest, &tokens.per_count},
                    at::kFloat, device)
          .to(type);  // only tests use another one
  batch.tokens.starts = std::move(tokens.token_starts);
  batch.observed_of.starts = std::move(tokens.observed_starts);
  batch.masked_of.starts = std::move(tokens.masked_starts);
  find_parts(batch);
  return batch;
}

GeneBatch on_device(GeneBatch batch, const at::Device& device) {
  if (device.is_cpu()) return batch;
  batch.integers = to_device(batch.integers, device);
  batch.expressions = to_device(batch.expressions, device);
  find_parts(batch);
  return batch;
}

GeneBatch cells_of(const GeneBatch& batch, int64_t first, int64_t n) {
  const auto segments = [&](const Segments& all) {
    Segments out;
    for (int64_t i = first; i < first + n; ++i) {
      out.starts.push_back(out.total() + all.length(i));
    }
    return out;
  };
  GeneBatch out;
  out.tokens = segments(batch.tokens);
  out.observed_of = segments(batch.observed_of);
  out.masked_of = segments(batch.masked_of);
  const auto cut = [&](const at::Tensor& all, const Segments& of) {
    return all.narrow(0, of.starts[first],
                      of.starts[first + n] - of.starts[first]);
  };
  const int64_t begin = batch.tokens.starts[first];
  out.genes = cut(batch.genes, batch.tokens);
  out.observed = cut(batch.observed, batch.observed_of) - begin;
  out.bins = cut(batch.bins, batch.observed_of);
  out.values = cut(batch.values, batch.observed_of);
  out.log_counts = cut(batch.log_counts, batch.observed_of);
  out.masked = cut(batch.masked, batch.masked_of) - begin;
  out.targets = cut(batch.targets, batch.masked_of);
  out.largest = cut(batch.largest, batch.masked_of);
  out.per_count = cut(batch.per_count, batch.masked_of);
  return out;
}

GeneBatch to_batch(HostTokens&& tokens, const at::TensorOptions& options) {
  return on_device(make_gene_batch(std::move(tokens),
                                   c10::typeMetaToScalarType(options.dtype()),
                                   options.device()),
                   options.device());
}

}  // namespace sailer
