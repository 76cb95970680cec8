// SAILER's training objective, computed plainly from a model's parameters by
// name, with dense matrices and LibTorch's autograd; without dropout or
// reference.
#pragma once

#include <cmath>
#include <map>
#include <string>

#include "core/models/divergence.h"
#include "core/models/sailer_model.h"
#include "core/support/random.h"
#include "dense_oracles.h"

namespace sailer_test {

class PlainSailer {
 public:
  explicit PlainSailer(sailer::SailerModel& model) : model_(model) {
    for (const auto* list :
         {&model.parameters().parameters(), &model.parameters().buffers()}) {
      for (const sailer::NamedTensor& entry : *list) {
        tensors_[entry.name] = entry.tensor;
      }
    }
  }

  // z is sampled with the noise that a model would draw first from `seed`.
  at::Tensor objective(const sailer::SparseBatch& batch, double beta,
                       uint64_t seed) const {
    const sailer::SailerOptions& options = model_.options();
    const int64_t n_peaks = model_.layout().n_peaks();
    const at::ScalarType type = of("encoder.0.weight").scalar_type();
    at::Tensor mean;
    const at::Tensor hidden =
        encode(to_dense(batch.input, n_peaks, type), batch.cell_scale, mean);
    const at::Tensor log_variance =
        linear("encoder.log_variance", hidden).clamp(-15, 15);
    at::Tensor noise = at::empty_like(mean).detach();
    noise.normal_(0, 1, sailer::make_generator(at::kCPU, seed));
    const at::Tensor z = mean + at::exp(log_variance / 2) * noise;
    const at::Tensor x = to_dense(batch.target, n_peaks, type);
    const at::Tensor a = dense_logits(
        decode(at::cat({z, batch.confounders}, 1)), of("decoder.output.weight"),
        of("decoder.output.bias"), model_.output_layout());
    const at::Tensor loss = -(options.omega * x * at::log_sigmoid(a) +
                              (1 - x) * at::log_sigmoid(-a))
                                 .sum(1)
                                 .mean();
    at::Tensor kl = kl_to_prior_plain(mean, log_variance).mean();
    if (options.marginal == sailer::Marginal::kPairwise) {
      kl = kl + options.lambda * sailer::pairwise_kl(mean, log_variance).mean();
    } else if (options.marginal == sailer::Marginal::kMixture) {
      kl = kl + options.lambda * mixture_kl_plain(z, mean, log_variance).mean();
    }
    return (1 + options.lambda) * loss + beta * kl;
  }

 private:
  const at::Tensor& of(const std::string& name) const {
    return tensors_.at(name);
  }

  // Has as many groups as the weight.
  at::Tensor linear(const std::string& name, const at::Tensor& x) const {
    const at::Tensor& weight = of(name + ".weight");
    std::vector<at::Tensor> out;
    const std::vector<at::Tensor> parts = x.chunk(weight.size(0), 1);
    for (int64_t g = 0; g < weight.size(0); ++g) {
      out.push_back(parts[g].mm(weight[g]));
    }
    return at::cat(out, 1) + of(name + ".bias");
  }

  // BatchNorm with the minibatch's own moments, then the activation.
  at::Tensor block(const std::string& name, const at::Tensor& x) const {
    const at::Tensor centred = x - x.mean(0);
    const at::Tensor y = centred / at::sqrt(centred.square().mean(0) + 1e-5) *
                             of(name + ".norm.weight") +
                         of(name + ".norm.bias");
    const at::Tensor slope = tensors_.count(name + ".slope") > 0
                                 ? of(name + ".slope")
                                 : at::full({1}, 0.2, y.options());
    return at::where(y > 0, y, slope * y);
  }

  at::Tensor encode(const at::Tensor& x, const at::Tensor& cell_scale,
                    at::Tensor& mean) const {
    const sailer::SailerOptions& options = model_.options();
    const int64_t groups = model_.layout().n_groups();
    at::Tensor h =
        sparse_linear_dense(x, of("encoder.0.weight"), model_.layout());
    if (options.input_scale == sailer::InputScale::kL2) h = h * cell_scale;
    if (options.input_scale == sailer::InputScale::kTfIdf) {
      const at::Tensor weighted = x * of("encoder.peak_weight").squeeze(1);
      h = h / weighted.square().sum(1, true).clamp_min(1e-12).sqrt();
    }
    h = h.view({x.size(0), groups, -1});
    const at::Tensor linear_path = h.slice(2, options.hidden[0]).sum(1);
    h = h.slice(2, 0, options.hidden[0]).flatten(1) + of("encoder.0.bias");
    h = block("encoder.0", h);
    for (size_t k = 1; k < options.hidden.size(); ++k) {
      const std::string name = "encoder." + std::to_string(k);
      h = block(name, linear(name, h));
    }
    mean = linear("encoder.mean", h);
    if (options.warm_start) mean = mean + linear_path;
    return h;
  }

  at::Tensor decode(at::Tensor h) const {
    const sailer::SailerOptions& options = model_.options();
    if (options.decoder == sailer::Decoder::kLinear) return h;
    for (size_t k = 0; k < options.hidden.size(); ++k) {
      const std::string name = "decoder." + std::to_string(k);
      h = block(name, linear(name, h));
    }
    return h;
  }

  sailer::SailerModel& model_;
  std::map<std::string, at::Tensor> tensors_;
};

}  // namespace sailer_test
