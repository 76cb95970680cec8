#include "expresser_model.h"

#include <ATen/ATen.h>

#include <cmath>

#include "../support/error.h"
#include "../support/random.h"

namespace sailer {
namespace {

// Standard deviation of a gene's embedding before training. The encoder
// normalises its input, so small values cost nothing, and learned values soon
// outweigh the random ones.
constexpr double kGeneSpread = 0.02;

at::Tensor draw_normal(LayerContext& context, at::IntArrayRef shape,
                       double spread) {
  const at::Tensor value = at::empty(shape, context.options.device(at::kCPU));
  value.normal_(0, spread, context.generator);
  return value.to(context.options.device());
}

// log(1 + per_count (1 + exp(excess))): a detected gene has a count of at least
// 1. Computed by logaddexp(), which does not overflow.
at::Tensor of_count(const at::Tensor& excess, const at::Tensor& per_count) {
  return at::logaddexp(per_count.log1p(), per_count.log() + excess);
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
  const int64_t k = options_.n_components();
  if (k > 0) {
    components_ = parameters_.add_buffer(
        kGeneComponents, at::zeros({n_genes, k}, tensor_options_));
  }
  genes_ = parameters_.add_parameter(
      kGeneEmbedding, draw_normal(context, {n_genes, d - k}, kGeneSpread));
  bins_ = parameters_.add_parameter(
      "bins.weight", draw_normal(context, {options_.n_bins, d}, 1));
  for (int64_t i = 0; i < options_.n_layers; ++i) {
    layers_.emplace_back(context, "encoder." + std::to_string(i), options_);
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
  head_[0] = Linear(context, "head.0", d + (counts() ? 2 : 1), d);
  head_[1] = Linear(context, "head.1", d, d);
  head_[2] = Linear(context, "head.2", d, 1);
  at::NoGradGuard no_grad;
  if (counts()) {
    amount_ = Linear(context, "amount", 2, d);
    levels_ = parameters_.add_parameter("genes.level",
                                        at::zeros({n_genes}, tensor_options_));
    // The initial predictions are those of the levels.
    at::Tensor weight = head_[2].weight();
    weight.zero_();
    return;
  }
  if (!(mean_expression > 0)) {
    throw_error(ErrorKind::kArgument,
                "Predictions start near the mean expression, which must be "
                "above 0, not ",
                mean_expression, ": no cell has a count of the model's genes.");
  }
  at::Tensor start = head_[2].bias();
  start.fill_(std::log(std::expm1(mean_expression)));  // inverse of softplus
}

void ExpresserModel::start_at(const at::Tensor& components,
                              const at::Tensor& levels) {
  at::NoGradGuard no_grad;
  if (components_.defined()) components_.copy_(components);
  if (levels_.defined()) levels_.copy_(levels);
}

void ExpresserModel::set_compute(const ComputeOptions& compute) {
  compute_ = compute;
  narrow_.forget();
}

TokenOptions ExpresserModel::token_options() const {
  TokenOptions tokens;
  tokens.n_bins = options_.n_bins;
  tokens.mask_ratio = options_.mask_ratio;
  tokens.max_genes = options_.max_genes;
  tokens.largest_from_masked = options_.l_from == LargestFrom::kAll;
  return tokens;
}

// Reported values are computed in float32, as in SAILER.
LayerCompute ExpresserModel::compute_of(bool training) const {
  if (!training) return {compute_.engine, Precision::kFloat32, 0, generator_};
  LayerCompute out{compute_.engine, compute_.precision, options_.dropout,
                   generator_};
  out.weights = &narrow_;
  out.narrow_rows = out.narrow() && (out.engine == Engine::kTensor ||
                                     !tensor_options_.device().is_cpu());
  return out;
}

at::Tensor ExpresserModel::tokens_of(const GeneBatch& batch) const {
  const at::Tensor learned = at::embedding(genes_, batch.genes);
  if (!components_.defined()) return learned;
  return at::cat({components_.index_select(0, batch.genes), learned}, 1);
}

at::Tensor ExpresserModel::encode(const GeneBatch& batch, bool training) const {
  const LayerCompute compute = compute_of(training);
  const AttentionRows cells(batch.tokens, batch.tokens,
                            tensor_options_.device());
  at::Tensor x = compute.rows(
      dropout(tokens_of(batch), compute.dropout, compute.generator));
  for (const EncoderLayer& layer : layers_) x = layer(x, cells, compute);
  return options_.layout == NormLayout::kPreNorm ? final_norm_(x, compute) : x;
}

// Embeds the expressions of observed tokens [observed, d], by a table of bins.
at::Tensor ExpresserModel::expressions_of(const at::Tensor& bins,
                                          const GeneBatch& batch) const {
  const at::Tensor binned = at::embedding(bins, batch.bins);
  if (!counts()) return binned;
  return binned + amount_(at::stack({batch.values, batch.log_counts}, 1));
}

// Cross-attention of masked tokens over observed ones and their expressions.
// With counts, the masked token itself is passed on as well, so that a gene's
// general level need not be inferred from other genes.
at::Tensor ExpresserModel::decode(const at::Tensor& tokens,
                                  const at::Tensor& places,
                                  const Segments& masked_of,
                                  const GeneBatch& batch,
                                  const LayerCompute& compute) const {
  const AttentionRows cells(masked_of, batch.observed_of,
                            tensor_options_.device());
  const at::Tensor masked = take_rows(tokens, places);
  const at::Tensor q = query_(masked, compute);
  const at::Tensor k = key_(take_rows(tokens, batch.observed), compute);
  // Many tokens share few bins, so the bins are multiplied first.
  const at::Tensor v = compute.rows(expressions_of(value_(bins_), batch));
  const at::Tensor mixed =
      attend(q, k, v, cells, {options_.n_heads, compute.engine});
  return counts() ? masked + out_(mixed, compute) : out_(mixed, compute);
}

// One more layer over all tokens and their observed expressions.
at::Tensor ExpresserModel::mix(const at::Tensor& tokens, const GeneBatch& batch,
                               const LayerCompute& compute) const {
  const at::Tensor expression =
      mask_token_.expand({tokens.size(0), -1})
          .index_copy(0, batch.observed, expressions_of(bins_, batch));
  const AttentionRows cells(batch.tokens, batch.tokens,
                            tensor_options_.device());
  return mixing_norm_(
      mixing_(compute.rows(tokens + expression), cells, compute), compute);
}

at::Tensor ExpresserModel::predict(const GeneBatch& batch,
                                   bool training) const {
  const LayerCompute compute = compute_of(training);
  const at::Tensor tokens = encode(batch, training);
  const at::Tensor mixed =
      options_.decoder
          ? decode(tokens, batch.masked, batch.masked_of, batch, compute)
          : take_rows(mix(tokens, batch, compute), batch.masked);
  std::vector<at::Tensor> read = {mixed.to(batch.largest.scalar_type()),
                                  batch.largest.unsqueeze(1)};
  if (counts()) read.push_back(batch.per_count.log().unsqueeze(1));
  at::Tensor x = at::gelu(head_[0](at::cat(read, 1), compute));
  x = at::gelu(head_[1](x, compute));
  x = head_[2](x.to(batch.largest.scalar_type())).squeeze(1);
  if (!counts()) return at::softplus(x);
  const at::Tensor genes = batch.genes.index_select(0, batch.masked);
  return of_count(x + levels_.index_select(0, genes), batch.per_count);
}

at::Tensor ExpresserModel::embed(const GeneBatch& batch,
                                 bool expression) const {
  at::Tensor tokens = encode(batch, /*training=*/false);
  const LayerCompute compute = compute_of(/*training=*/false);
  if (expression) {
    tokens = options_.decoder ? decode(tokens, batch.observed,
                                       batch.observed_of, batch, compute)
                              : mix(tokens, batch, compute);
  }
  std::vector<at::Tensor> means;
  for (int64_t i = 0; i < batch.n_cells(); ++i) {
    means.push_back(
        tokens.narrow(0, batch.tokens.starts[i], batch.tokens.length(i))
            .mean(0));
  }
  return at::stack(means);
}

}  // namespace sailer
