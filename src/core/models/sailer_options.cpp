#include "sailer_options.h"

namespace sailer {

void SailerOptions::check() const {
  check_options(*this);
  require(
      !warm_start || input_scale != InputScale::kNone,
      "`warm_start` needs an `input_scale` that is not \"none\": the linear "
      "method reads every cell at the same length.");
}

namespace {

// Chapters 2 and 3 of the thesis; the simplest choice where they say nothing.
void take_from_thesis(SailerOptions& options, bool guided) {
  options.warm_start = false;
  options.beta = 1;
  options.input_scale = InputScale::kNone;
  options.thinning = {0, 0};
  options.dropout = 0;
  options.marginal = Marginal::kPairwise;
  options.mixing = 0;
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
  if (architecture == Architecture::kChromosome) options.hidden = {64, 32};
  if (guided) {
    options.beta = 1;
    options.thinning = {0, 0.5};
    options.alignment = 100000;
    options.joint = true;
  }
  return options;
}

}  // namespace sailer
