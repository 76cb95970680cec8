// The encoder of a SailerModel: from open peaks, and a reference if it reads
// one, to the posterior of z; and the initialisation of its linear path.
#include <ATen/ATen.h>

#include <string>

#include "../support/error.h"
#include "sailer_model.h"
#include "sparse_linear.h"

namespace sailer {
namespace {

// Larger absolute log variances would only make exp() overflow.
constexpr double kMaxLogVariance = 15;

// Factors on the initial weights of the mean and variance heads, which let a
// linear start dominate at first: the weights grow as far as the data require.
constexpr double kHiddenStart = 0.01, kVarianceStart = 0.1;

}  // namespace

int64_t SailerModel::first_width() const {
  return options_.hidden[0] + (options_.warm_start ? options_.n_latent : 0);
}

// The width of the first hidden layer, summed over groups.
int64_t SailerModel::hidden_width() const {
  return layout_.n_groups() * options_.hidden[0];
}

void SailerModel::build_encoder(LayerContext& context) {
  const std::vector<int64_t>& units = options_.hidden;
  const int64_t groups = layout_.n_groups();
  // Each group's fans are those of its own peaks, because group sizes differ.
  std::vector<at::Tensor> weights, biases;
  for (int64_t size : layout_.sizes()) {
    weights.push_back(draw_weight(context, {size, units[0]}, size, units[0]));
    biases.push_back(draw_bias(context, units[0], size));
  }
  at::Tensor weight = at::cat(weights, 0);
  if (peak_weight_.defined()) weight = weight * peak_weight_;
  if (options_.warm_start) {
    weight = at::cat({weight, at::zeros({layout_.n_peaks(), options_.n_latent},
                                        tensor_options_)},
                     1);
  }
  input_weight_ = parameters_.add_parameter(kInputWeight, weight);
  input_bias_ = parameters_.add_parameter("encoder.0.bias", at::cat(biases, 0));
  for (size_t k = 0; k < units.size(); ++k) {
    const std::string name = "encoder." + std::to_string(k);
    if (k > 0) {
      encoder_.emplace_back(context, name, groups, units[k - 1], units[k]);
    }
    encoder_blocks_.emplace_back(context, name, groups * units[k],
                                 options_.dropout);
  }
  if (options_.sees_reference() && reference_width_ > 0) {
    // The fans of the peaks' weights, so that neither modality dominates.
    at::Tensor drawn =
        draw_weight(context, {reference_width_ + 1, hidden_width()},
                    layout_.n_peaks(), hidden_width());
    if (options_.warm_start) {
      drawn =
          at::cat({drawn, at::zeros({reference_width_ + 1, options_.n_latent},
                                    tensor_options_)},
                  1);
    }
    reference_weight_ = parameters_.add_parameter(kReferenceWeight, drawn);
  }
  mean_head_ = GroupedLinear(context, "encoder.mean", 1, groups * units.back(),
                             options_.n_latent);
  log_variance_head_ = GroupedLinear(context, "encoder.log_variance", 1,
                                     groups * units.back(), options_.n_latent);
}

Posterior SailerModel::encode(const SparseBatch& batch, bool training) const {
  return encode_from(batch, training, nullptr);
}

at::Tensor SailerModel::first_layer(const SparseBatch& batch,
                                    const AdamUpdate* update) const {
  if (by_tensors()) {
    return sparse_linear_bags(batch.input, input_weight_, layout_,
                              batch.input_weights);
  }
  return sparse_linear(batch.input, input_weight_, layout_, update);
}

// Returns [B, 1]: the factor that scales each cell's input to length 1.
// Undefined if the input is not scaled.
at::Tensor SailerModel::scale_of_cells(const SparseBatch& batch) const {
  if (options_.input_scale == InputScale::kNone) return {};
  if (options_.input_scale == InputScale::kL2) return batch.cell_scale;
  return sparse_linear_bags(batch.input, peak_weight_.square(),
                            PeakLayout({layout_.n_peaks()}),
                            batch.input_weights)
      .clamp_min(1e-12)
      .rsqrt();
}

SailerModel::Encoded SailerModel::encode_hidden(const SparseBatch& batch,
                                                bool training,
                                                const AdamUpdate* update,
                                                const BatchPart& part) const {
  at::Tensor h = first_layer(batch, update);
  const at::Tensor scale = scale_of_cells(batch);
  if (scale.defined()) h = h * scale;
  at::Tensor linear;
  if (options_.warm_start) {
    const at::Tensor parts =
        h.view({h.size(0), layout_.n_groups(), first_width()});
    const std::vector<at::Tensor> split = parts.split_with_sizes(
        {options_.hidden[0], options_.n_latent}, /*dim=*/2);
    h = split[0].flatten(1);
    linear = split[1].sum(1);
  }
  if (reference_weight_.defined()) {
    const at::Tensor seen = seen_reference(batch, training, part);
    if (seen.defined()) {
      const at::Tensor added = at::mm(seen, reference_weight_);
      h = h + added.slice(1, 0, hidden_width());
      if (linear.defined()) linear = linear + added.slice(1, hidden_width());
    }
  }
  h = encoder_blocks_[0](h + input_bias_, training, generator_, part);
  for (size_t k = 0; k < encoder_.size(); ++k) {
    h = encoder_blocks_[k + 1](encoder_[k](h), training, generator_, part);
  }
  return {h, linear};
}

Posterior SailerModel::encode_from(const SparseBatch& batch, bool training,
                                   const AdamUpdate* update, bool frozen,
                                   const BatchPart& part) const {
  at::Tensor hidden, mean;
  {
    const at::AutoGradMode gradients(at::GradMode::is_enabled() && !frozen);
    const Encoded encoded = encode_hidden(batch, training, update, part);
    hidden = encoded.hidden;
    mean = mean_head_(hidden);
    if (encoded.linear.defined()) mean = mean + encoded.linear;
  }
  // Same as clamp(), but the backward pass is a single operation.
  return {mean, at::hardtanh(log_variance_head_(hidden), -kMaxLogVariance,
                             kMaxLogVariance)};
}

void SailerModel::start_linear_path(const at::Tensor& loadings,
                                    const at::Tensor& shift,
                                    const at::Tensor& log_variance) {
  if (!options_.warm_start) {
    throw_error(ErrorKind::kArgument, "The model has no linear path.");
  }
  const at::NoGradGuard no_grad;
  at::Tensor weight = loadings.to(tensor_options_);
  if (peak_weight_.defined()) weight = weight * peak_weight_;
  input_weight_.slice(1, options_.hidden[0]).copy_(weight);
  mean_head_.start_small(kHiddenStart, shift);
  log_variance_head_.start_small(kVarianceStart, log_variance);
}

void SailerModel::start_reference_path(const at::Tensor& weight) {
  if (!options_.warm_start || !reference_weight_.defined()) {
    throw_error(ErrorKind::kArgument,
                "The model has no linear path from a reference.");
  }
  const at::NoGradGuard no_grad;
  reference_weight_.slice(1, hidden_width()).copy_(weight.to(tensor_options_));
}

// Returns [B, r + 1]: the reference and 1, or zeros for cells without one and,
// in training, for those from which it is hidden. Undefined if the batch has no
// references.
at::Tensor SailerModel::seen_reference(const SparseBatch& batch, bool training,
                                       const BatchPart& part) const {
  if (!batch.reference.defined()) return {};
  at::Tensor seen = part.own(batch.has_reference).unsqueeze(1);
  const at::Tensor values = at::cat({part.own(batch.reference), seen}, 1);
  if (training && options_.reference_dropout > 0) {
    const at::Tensor keep =
        at::empty(part.whole_shape(seen.sizes()), seen.options())
            .bernoulli_(1 - options_.reference_dropout, generator_);
    seen = seen * part.own(keep);
  }
  return values * seen;
}

}  // namespace sailer
