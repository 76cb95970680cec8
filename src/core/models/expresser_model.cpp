#include "expresser_model.h"

#include <ATen/ATen.h>

#include <cmath>

#include "../support/random.h"

namespace sailer {
namespace {

// Standard deviation of a gene's embedding before training. The encoder
// normalises what it reads, so small numbers cost nothing, and what is learned
// soon outweighs what was drawn.
constexpr double kGeneSpread = 0.02;

at::Tensor draw_normal(LayerContext& context, at::IntArrayRef shape,
                       double spread) {
  const at::Tensor value = at::empty(shape, context.options.device(at::kCPU));
  value.normal_(0, spread, context.generator);
  return value.to(context.options.device());
}

}  // namespace

ExpresserModel::ExpresserModel(const ExpresserOptions& options, int64_t n_genes,
                               uint64_t seed, const at::Device& device,
                               at::ScalarType type, double mean_expression)
    : options_(options),
      tensor_options_(at::TensorOptions().dtype(type).device(device)),
      generator_(make_generator(device, derive_seed(seed, kNoiseStream))) {
  options_.check();
  LayerContext context{
      &parameters_, make_generator(at::kCPU, derive_seed(seed, kWeightStream)),
      tensor_options_, Initialization::kXavier};
  const int64_t d = options_.n_embedding;
  genes_ = parameters_.add_parameter(
      kGeneEmbedding, draw_normal(context, {n_genes, d}, kGeneSpread));
  bins_ = parameters_.add_parameter(
      "bins.weight", draw_normal(context, {options_.n_bins, d}, 1));
  for (int64_t k = 0; k < options_.n_layers; ++k) {
    layers_.emplace_back(context, "encoder." + std::to_string(k), options_);
  }
  if (options_.layout == NormLayout::kPreNorm) {
    final_norm_ = LayerNorm(context, "encoder.norm", d);
  }
  if (options_.decoder) {
    query_ = Linear(context, "decoder.query", d, d);
    key_ = Linear(context, "decoder.key", d, d);
    value_ = Linear(context, "decoder.value", d, d);
    out_ = Linear(context, "decoder.out", d, d);
  } else {
    mask_token_ = parameters_.add_parameter("mixing.mask",
                                            draw_normal(context, {1, d}, 1));
    mixing_ = EncoderLayer(context, "mixing", options_);
    mixing_norm_ = LayerNorm(context, "mixing.norm", d);
  }
  head_[0] = Linear(context, "head.0", d + 1, d);
  head_[1] = Linear(context, "head.1", d, d);
  head_[2] = Linear(context, "head.2", d, 1);
  at::NoGradGuard no_grad;
  at::Tensor start = head_[2].bias();
  start.fill_(std::log(std::expm1(mean_expression)));  // softplus gives it back
}

void ExpresserModel::set_compute(const ComputeOptions& compute) {
  compute_ = compute;
}

TokenOptions ExpresserModel::token_options() const {
  TokenOptions tokens;
  tokens.n_bins = options_.n_bins;
  tokens.mask_ratio = options_.mask_ratio;
  tokens.max_genes = options_.max_genes;
  tokens.largest_from_masked = options_.l_from == LargestFrom::kAll;
  return tokens;
}

// What is reported is computed in float32, as in SAILER.
LayerCompute ExpresserModel::compute_of(bool training) const {
  return {compute_.engine, training ? compute_.precision : Precision::kFloat32,
          training ? options_.dropout : 0, generator_};
}

at::Tensor ExpresserModel::encode(const GeneBatch& batch, bool training) const {
  const LayerCompute compute = compute_of(training);
  at::Tensor x = dropout(at::embedding(genes_, batch.genes), compute.dropout,
                         compute.generator);
  for (const EncoderLayer& layer : layers_) {
    x = layer(x, batch.tokens, compute);
  }
  return options_.layout == NormLayout::kPreNorm ? final_norm_(x) : x;
}

// Cross-attention of masked tokens over observed ones and their expressions.
at::Tensor ExpresserModel::decode(const at::Tensor& tokens,
                                  const GeneBatch& batch,
                                  const LayerCompute& compute) const {
  const Precision p = compute.precision;
  const at::Tensor q = query_(take_rows(tokens, batch.masked), p);
  const at::Tensor k = key_(take_rows(tokens, batch.observed), p);
  // Few bins stand behind many values: they are multiplied first.
  const at::Tensor v =
      at::embedding(value_(bins_, Precision::kFloat32), batch.bins);
  const at::Tensor mixed = attend(q, k, v, batch.masked_of, batch.observed_of,
                                  {options_.n_heads, compute.engine});
  return out_(mixed, p);
}

at::Tensor ExpresserModel::decode_by_layer(const at::Tensor& tokens,
                                           const GeneBatch& batch,
                                           const LayerCompute& compute) const {
  at::Tensor expression =
      mask_token_.expand({tokens.size(0), -1})
          .index_copy(0, batch.observed, at::embedding(bins_, batch.bins));
  const at::Tensor mixed = mixing_(tokens + expression, batch.tokens, compute);
  return take_rows(mixing_norm_(mixed), batch.masked);
}

at::Tensor ExpresserModel::predict(const GeneBatch& batch,
                                   bool training) const {
  const LayerCompute compute = compute_of(training);
  const at::Tensor tokens = encode(batch, training);
  const at::Tensor mixed = options_.decoder
                               ? decode(tokens, batch, compute)
                               : decode_by_layer(tokens, batch, compute);
  const Precision p = compute.precision;
  at::Tensor x = at::cat({mixed, batch.largest.unsqueeze(1)}, 1);
  x = at::gelu(head_[0](x, p));
  x = at::gelu(head_[1](x, p));
  return at::softplus(head_[2](x, Precision::kFloat32)).squeeze(1);
}

at::Tensor ExpresserModel::embed(const GeneBatch& batch) const {
  const at::Tensor tokens = encode(batch, /*training=*/false);
  std::vector<at::Tensor> means;
  for (int64_t i = 0; i < batch.n_cells(); ++i) {
    means.push_back(
        tokens.narrow(0, batch.tokens.starts[i], batch.tokens.length(i))
            .mean(0));
  }
  return at::stack(means);
}

}  // namespace sailer
