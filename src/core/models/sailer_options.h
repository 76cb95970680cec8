// The options of a SAILER model and their defaults: R asks for them here, so
// they are written once. Where a default is not the thesis', it was chosen on
// simulations and on the likelihood of cells kept back
// (inst/benchmarks/defaults.R).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sailer {

enum class Architecture {
  kDense,      // chapter 2: every peak meets every hidden unit
  kChromosome  // chapter 3: peaks of one chromosome meet first
};

// How the divergence from the aggregate posterior is measured (eq. 2.5).
enum class Marginal {
  kNone,  // not at all: a conditional VAE with a likelihood weight 1 + lambda
  kPairwise,  // mean KL to the other cells of the minibatch, the thesis' bound
  kMixture    // KL to the minibatch's mixture, estimated at the sample
};

// What the encoder's first layer sees of a cell.
enum class InputScale {
  kNone,  // 0 and 1: deep cells drive the layer harder
  kL2,    // every cell has Euclidean length 1, whatever its depth
  kTfIdf  // the same, each peak weighted by its inverse document frequency
};

// How the decoder gets from [z, c] to one logit per peak.
enum class Decoder {
  kMirrored,  // through the encoder's hidden layers in reverse (2.2.2)
  kLinear     // at once: one loading per peak and latent dimension
};

// A whole set of defaults, of the model and of its training.
enum class Preset {
  kStandard,  // chosen on simulations and held-out likelihoods
  kThesis     // as the thesis has them: random start, 400 epochs
};

struct SailerOptions {
  Preset preset = Preset::kStandard;
  Architecture architecture = Architecture::kDense;

  // Chosen by what the cells hold, before a model is made: see n_latent_for().
  static constexpr int64_t kAuto = -1;

  // Number of latent dimensions. More can hold more kinds of cells; those that
  // the data do not need add noise to the neighbourhoods of cells.
  int64_t n_latent = 16;

  // Units of the encoder's hidden layers from the peaks inwards, of one
  // chromosome under kChromosome; the decoder mirrors them. Larger fits more
  // and takes longer: the first one times the number of peaks decides.
  std::vector<int64_t> hidden = {32};

  Decoder decoder = Decoder::kMirrored;

  // Weight of the mutual-information penalty. 0 leaves a conditional VAE;
  // larger takes more of the confounders out of the embedding.
  double lambda = 1;
  Marginal marginal = Marginal::kMixture;

  // Weight of the open peaks in the likelihood. 1 is the plain Bernoulli
  // likelihood; larger fits the open peaks better and overfits shallow data.
  double omega = 1;

  // Largest weight of the KL terms, which the annealing reaches. The likelihood
  // has the weight 1 + lambda: with as much here the two are as in the evidence
  // lower bound. Larger regularises more; less overfits.
  double beta = 2;

  // Share of hidden units dropped while training. Larger regularises more.
  double dropout = 0.1;

  // While training, the encoder sees each cell with a random share of its open
  // peaks taken away, uniform between these two, and the decoder still rebuilds
  // all of them: the embedding learns what the peaks have in common and not to
  // depend on depth. Larger regularises more; 0 and 0 turn it off.
  double thinning_min = 0.2, thinning_max = 0.8;

  InputScale input_scale = InputScale::kTfIdf;

  // Whether the mean of z has a linear path from the input beside the hidden
  // layers, which starts at the truncated SVD of the scaled input without the
  // direction of depth (warm_start.h): training then goes on where LSI ends.
  // Off, all weights start at random, as in the thesis.
  bool warm_start = true;

  // Weight of the alignment with a reference embedding (SAILERX), where there
  // is one. Larger follows the reference more closely; 0 is SAILER.
  double alignment = 0;

  // Whether the encoder reads the reference beside the open peaks: the
  // embedding is then of both modalities for cells that have both. Ignored
  // without a reference, and where `alignment` is 0.
  bool joint = false;

  // While a joint model is trained, the share of the cells whose reference is
  // hidden from its encoder, so that it also learns to do without. Larger
  // serves cells without a reference better; 0 never hides it.
  double reference_dropout = 0.5;

  bool sees_reference() const { return joint && alignment > 0; }

  // Throws Error(kArgument) that names the option and says what it may be.
  void check() const;
};

// The defaults of an architecture; with `guided` those of SAILERX, chosen on
// cells kept back and not on labels (inst/benchmarks/multiome.R): what the
// reference tells takes more dimensions, and less need be hidden.
SailerOptions default_options(Architecture architecture, bool guided = false,
                              Preset preset = Preset::kStandard);

Architecture parse_architecture(const std::string& name);
Marginal parse_marginal(const std::string& name);
InputScale parse_input_scale(const std::string& name);
std::string name_of(Architecture architecture);
std::string name_of(Marginal marginal);
std::string name_of(InputScale scale);
Preset parse_preset(const std::string& name);
std::string name_of(Preset preset);
Decoder parse_decoder(const std::string& name);
std::string name_of(Decoder decoder);

}  // namespace sailer
