#include "sailer_options.h"

#include <cmath>

#include "../support/error.h"
#include "../support/names.h"

namespace sailer {
namespace {

const Names<Architecture>& architecture_names() {
  static const Names<Architecture> names = {
      {"dense", Architecture::kDense},
      {"chromosome", Architecture::kChromosome}};
  return names;
}

const Names<Marginal>& marginal_names() {
  static const Names<Marginal> names = {{"none", Marginal::kNone},
                                        {"pairwise", Marginal::kPairwise},
                                        {"mixture", Marginal::kMixture}};
  return names;
}

const Names<InputScale>& input_scale_names() {
  static const Names<InputScale> names = {{"none", InputScale::kNone},
                                          {"l2", InputScale::kL2},
                                          {"tf-idf", InputScale::kTfIdf}};
  return names;
}

const Names<Preset>& preset_names() {
  static const Names<Preset> names = {{"standard", Preset::kStandard},
                                      {"thesis", Preset::kThesis}};
  return names;
}

const Names<Decoder>& decoder_names() {
  static const Names<Decoder> names = {{"mirrored", Decoder::kMirrored},
                                       {"linear", Decoder::kLinear}};
  return names;
}

void require(bool holds, const std::string& message) {
  if (!holds) throw Error(ErrorKind::kArgument, message);
}

void require_share(double value, const std::string& option) {
  require(value >= 0 && value < 1,
          "`" + option + "` must be at least 0 and less than 1, not " +
              std::to_string(value) + ".");
}

}  // namespace

void SailerOptions::check() const {
  require(n_latent == kAuto || n_latent >= 1, "`n_latent` must be at least 1.");
  require(!hidden.empty(),
          "`hidden` must name the units of at least one layer.");
  for (int64_t units : hidden) {
    require(units >= 1, "`hidden` must hold whole numbers of at least 1.");
  }
  require(std::isfinite(lambda) && lambda >= 0,
          "`lambda` must be a number of at least 0.");
  require(std::isfinite(omega) && omega > 0,
          "`omega` must be a number above 0, or \"auto\".");
  require(std::isfinite(beta) && beta >= 0,
          "`beta` must be a number of at least 0.");
  require(std::isfinite(alignment) && alignment >= 0,
          "`alignment` must be a number of at least 0.");
  require_share(dropout, "dropout");
  require_share(reference_dropout, "reference_dropout");
  require_share(thinning_min, "thinning");
  require_share(thinning_max, "thinning");
  require(
      !warm_start || input_scale != InputScale::kNone,
      "`warm_start` needs an `input_scale` that is not \"none\": the linear "
      "method reads every cell at the same length.");
  require(thinning_min <= thinning_max,
          "`thinning` must hold the smaller share first.");
}

namespace {

// Chapters 2 and 3; where they are silent, methods' plain choice.
void take_from_thesis(SailerOptions& options, bool guided) {
  options.warm_start = false;
  options.beta = 1;
  options.input_scale = InputScale::kNone;
  options.thinning_min = options.thinning_max = 0;
  options.dropout = 0;
  options.marginal = Marginal::kPairwise;
  options.joint = false;
  const bool dense = options.architecture == Architecture::kDense;
  options.n_latent = dense ? 10 : 50;
  options.hidden =
      dense ? std::vector<int64_t>{1000, 100} : std::vector<int64_t>{64, 32};
  if (guided) options.alignment = 100000;
}

}  // namespace

SailerOptions default_options(Architecture architecture, bool guided,
                              Preset preset) {
  SailerOptions options;
  options.preset = preset;
  options.architecture = architecture;
  if (preset == Preset::kThesis) {
    take_from_thesis(options, guided);
    return options;
  }
  options.n_latent = SailerOptions::kAuto;
  if (architecture == Architecture::kChromosome) {
    options.hidden = {64, 32};
    if (guided) options.n_latent = 50;
  } else if (guided) {
    options.n_latent = 32;
  }
  if (guided) {
    options.beta = 1;
    options.thinning_min = 0;
    options.thinning_max = 0.5;
    options.alignment = 100000;
    options.joint = true;
  }
  return options;
}

Preset parse_preset(const std::string& name) {
  return parse(preset_names(), "preset", name);
}
std::string name_of(Preset preset) { return name_in(preset_names(), preset); }
Architecture parse_architecture(const std::string& name) {
  return parse(architecture_names(), "architecture", name);
}
Marginal parse_marginal(const std::string& name) {
  return parse(marginal_names(), "marginal", name);
}
InputScale parse_input_scale(const std::string& name) {
  return parse(input_scale_names(), "input_scale", name);
}
std::string name_of(Architecture architecture) {
  return name_in(architecture_names(), architecture);
}
std::string name_of(Marginal marginal) {
  return name_in(marginal_names(), marginal);
}
std::string name_of(InputScale scale) {
  return name_in(input_scale_names(), scale);
}
Decoder parse_decoder(const std::string& name) {
  return parse(decoder_names(), "decoder", name);
}
std::string name_of(Decoder decoder) {
  return name_in(decoder_names(), decoder);
}

}  // namespace sailer
