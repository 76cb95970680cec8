#include "sailer_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "../support/error.h"
#include "../support/random.h"
#include "alignment.h"
#include "divergence.h"
#include "label_information.h"
#include "peak_weights.h"
#include "sparse_linear.h"

namespace sailer {
namespace {

// Returns log(f / (1 - f)), kept finite for peaks always or never open.
at::Tensor logits_of(const std::vector<double>& frequencies,
                     const at::TensorOptions& options) {
  const at::Tensor f =
      at::tensor(frequencies, at::kDouble).clamp(1e-6, 1 - 1e-6);
  return at::log(f / (1 - f)).to(options);
}

// Returns the posteriors of all cells of the minibatch, with log variances only
// if needed: gathered tensors get a gradient, even if it is 0, with which
// weight decay would change the parameters behind them.
Posterior gather(const Posterior& own, const BatchPart& part, bool variances) {
  if (part.is_whole()) return own;
  if (!variances) return {gather_rows(own.mean, part), {}};
  const int64_t d = own.mean.size(1);
  const at::Tensor all =
      gather_rows(at::cat({own.mean, own.log_variance}, 1), part);
  return {all.narrow(1, 0, d), all.narrow(1, d, d)};
}

}  // namespace

SailerModel::SailerModel(const SailerOptions& options, const PeakLayout& layout,
                         int64_t n_confounders,
                         const std::vector<double>& peak_frequencies,
                         uint64_t seed, const at::Device& device,
                         at::ScalarType type, int64_t reference_width)
    : options_(options),
      layout_(layout),
      n_confounders_(n_confounders),
      reference_width_(reference_width),
      tensor_options_(at::TensorOptions().dtype(type).device(device)),
      generator_(make_generator(device, derive_seed(seed, kNoiseStream))) {
  options_.check();
  const bool by_chromosome = options_.architecture == Architecture::kChromosome;
  output_layout_ = options_.decoder == Decoder::kLinear
                       ? PeakLayout({layout_.n_peaks()})
                       : layout_;
  LayerContext context{
      &parameters_, make_generator(at::kCPU, derive_seed(seed, kWeightStream)),
      tensor_options_,
      by_chromosome ? Initialization::kXavier : Initialization::kKaiming,
      by_chromosome ? Activation::kPRelu : Activation::kLeakyRelu};
  if (options_.input_scale == InputScale::kTfIdf) {
    peak_weight_ = parameters_.add_buffer(
        "encoder.peak_weight",
        at::tensor(peak_weights(options_.input_scale, peak_frequencies,
                                layout_.n_peaks()),
                   at::kFloat)
            .unsqueeze(1)
            .to(tensor_options_));
  }
  build_encoder(context);
  build_decoder(context, peak_frequencies);
}

void SailerModel::build_decoder(LayerContext& context,
                                const std::vector<double>& peak_frequencies) {
  const std::vector<int64_t>& units = options_.hidden;
  const int64_t groups = layout_.n_groups();
  int64_t width = options_.n_latent + n_confounders_;
  if (options_.decoder == Decoder::kMirrored) {
    for (size_t k = 0; k < units.size(); ++k) {
      const std::string name = "decoder." + std::to_string(k);
      const int64_t out = units[units.size() - 1 - k];
      if (k == 0) {
        decoder_.emplace_back(context, name, 1, width, groups * out);
      } else {
        decoder_.emplace_back(context, name, groups, width, out);
      }
      decoder_blocks_.emplace_back(context, name, groups * out,
                                   options_.dropout);
      width = out;
    }
  }
  std::vector<at::Tensor> weights, biases;
  for (int64_t size : output_layout_.sizes()) {
    weights.push_back(draw_weight(context, {size, width}, width, size));
    biases.push_back(draw_bias(context, size, width));
  }
  output_weight_ =
      parameters_.add_parameter(kOutputWeight, at::cat(weights, 0));
  output_bias_ = parameters_.add_parameter(
      kOutputBias, peak_frequencies.empty()
                       ? at::cat(biases, 0)
                       : logits_of(peak_frequencies, tensor_options_));
}

// True on a device, and on the CPU if a test requests it.
bool SailerModel::by_tensors() const {
  return compute_.engine == Engine::kTensor ||
         !tensor_options_.device().is_cpu();
}

at::Tensor SailerModel::decode_hidden(const at::Tensor& z,
                                      const at::Tensor& confounders,
                                      bool training,
                                      const BatchPart& part) const {
  at::Tensor h = at::cat({z, confounders}, 1);
  for (size_t k = 0; k < decoder_.size(); ++k) {
    h = decoder_blocks_[k](decoder_[k](h), training, generator_, part);
  }
  return h;
}

at::Tensor SailerModel::sample(const Posterior& posterior,
                               const at::Generator& generator,
                               const BatchPart& part) const {
  const at::Tensor noise =
      at::empty(part.whole_shape(posterior.mean.sizes()), tensor_options_);
  noise.normal_(0, 1, generator);
  return posterior.mean +
         at::exp(0.5 * posterior.log_variance) * part.own(noise);
}

at::Tensor SailerModel::alignment(const at::Tensor& mean,
                                  const SparseBatch& batch, bool weighted,
                                  const BatchPart& part) const {
  if (!batch.reference.defined()) return at::zeros({}, tensor_options_);
  return alignment_loss(mean, batch.reference, batch.has_reference,
                        weighted ? batch.reference_weight : batch.has_reference,
                        part);
}

at::Tensor SailerModel::marginal_divergence(const at::Tensor& z,
                                            const Posterior& all,
                                            const BatchPart& part) const {
  switch (options_.marginal) {
    case Marginal::kPairwise:
      return part.mean(pairwise_kl(all.mean, all.log_variance, part));
    case Marginal::kMixture:
      return part.mean(mixture_kl(z, all.mean, all.log_variance, part));
    case Marginal::kNone:
      break;
  }
  return at::zeros({}, tensor_options_);
}

// Computed at the sample: label information that noise hides is not in z.
at::Tensor SailerModel::mixing(const at::Tensor& z, const SparseBatch& batch,
                               const LossOptions& options) const {
  if (options_.mixing == 0 || options.deterministic || options.encoder_frozen ||
      !batch.labels.defined()) {
    return at::zeros({}, tensor_options_);
  }
  return options.part.mean(label_information(z, gather_rows(z, options.part),
                                             batch.labels, options.part));
}

at::Tensor SailerModel::reconstruct(const at::Tensor& hidden,
                                    const SparseBatch& batch,
                                    ReconstructionOptions options,
                                    const OutputUpdates* updates) const {
  options.tensor_operations = by_tensors();
  options.host_offsets =
      batch.host_offsets.empty() ? nullptr : &batch.host_offsets;
  return reconstruction_loss(hidden, output_weight_, output_bias_, batch.target,
                             output_layout_, options, updates);
}

void SailerModel::start_step(uint64_t seed) {
  generator_.set_current_seed(derive_seed(seed, kNoiseStream));
}

SailerLoss SailerModel::loss(const SparseBatch& batch,
                             const LossOptions& options,
                             const SailerUpdates* updates) const {
  if (updates != nullptr && compute_.engine != Engine::kFused) {
    throw_error(ErrorKind::kArgument,
                "Layers can update their own parameters only in the fused "
                "engine.");
  }
  const BatchPart& part = options.part;
  const auto n =
      static_cast<double>(part.is_whole() ? batch.n_cells() : part.n_all);
  const Posterior posterior =
      encode_from(batch, /*training=*/true,
                  updates == nullptr ? nullptr : &updates->input_weight,
                  options.encoder_frozen, part);
  const at::Tensor z = options.deterministic
                           ? posterior.mean
                           : sample(posterior, generator_, part);
  const at::Tensor hidden = decode_hidden(z, batch.confounders, true, part);
  ReconstructionOptions reconstruction;
  reconstruction.omega = options_.omega;
  const double weight = 1 + options_.lambda;
  reconstruction.scale = weight / n;
  reconstruction.precision = compute_.precision;
  reconstruction.factor_is_one = true;  // `total` is differentiated
  OutputUpdates output;
  if (updates != nullptr)
    output = {updates->output_weight, updates->output_bias};
  const at::Tensor weighted = reconstruct(
      hidden, batch, reconstruction, updates == nullptr ? nullptr : &output);
  SailerLoss loss;
  loss.reconstruction = weighted.detach() / weight;
  loss.kl = part.mean(kl_to_prior(posterior.mean, posterior.log_variance));
  const bool diverges = options_.lambda > 0 && !options.deterministic;
  const Posterior all = diverges || batch.reference.defined()
                            ? gather(posterior, part, diverges)
                            : posterior;
  loss.marginal = diverges ? marginal_divergence(z, all, part)
                           : at::zeros({}, tensor_options_);
  // In the warm-up every cell has the same weight (3.2.2).
  loss.alignment = alignment(all.mean, batch, !options.deterministic, part);
  loss.mixing = mixing(z, batch, options);
  loss.total = weighted;
  if (options_.alignment > 0) {
    loss.total = loss.total.add(loss.alignment, options_.alignment);
  }
  if (!options.deterministic) {
    loss.total = loss.total.add(loss.kl, options.beta)
                     .add(loss.marginal, options.beta * options_.lambda)
                     .add(loss.mixing, options_.mixing);
  }
  return loss;
}

double SailerModel::log_likelihood(const at::Tensor& z,
                                   const SparseBatch& batch) const {
  const at::Tensor hidden =
      decode_hidden(z, batch.confounders, /*training=*/false);
  ReconstructionOptions plain;
  plain.scale = 1 / static_cast<double>(batch.n_cells());
  plain.shift = -std::log(options_.omega);
  return -reconstruct(hidden, batch, plain, nullptr).item<double>();
}

SailerModel::Evaluation SailerModel::evaluate(
    const SparseBatch& batch, const at::Generator& generator) const {
  at::NoGradGuard no_grad;
  const Posterior posterior = encode_from(batch, /*training=*/false, nullptr);
  Evaluation out;
  out.log_likelihood = log_likelihood(posterior.mean, batch);
  out.kl =
      kl_to_prior(posterior.mean, posterior.log_variance).mean().item<double>();
  out.alignment = alignment(posterior.mean, batch, true).item<double>();
  out.elbo = log_likelihood(sample(posterior, generator), batch) - out.kl;
  return out;
}

}  // namespace sailer
