// The options of a SAILER model and their defaults. Defaults that differ from
// the thesis were chosen on simulations and on the likelihood of held-out cells
// (inst/benchmarks/defaults.R). Torch-free.
#pragma once

#include <cstdint>
#include <vector>

#include "../support/options.h"

namespace sailer {

enum class Architecture {
  kDense,      // chapter 2: every peak is connected to every hidden unit
  kChromosome  // chapter 3: each chromosome first has units of its own
};
inline const Names<Architecture>& names_of(Architecture) {
  static const Names<Architecture> names = {
      {"dense", Architecture::kDense},
      {"chromosome", Architecture::kChromosome}};
  return names;
}

// How the divergence from the aggregate posterior is measured (eq. 2.5).
enum class Marginal {
  kNone,  // not at all: a conditional VAE with a likelihood weight 1 + lambda
  kPairwise,  // mean KL to the other cells of the minibatch, the thesis' bound
  kMixture    // KL to the minibatch's mixture, estimated at the sample
};
inline const Names<Marginal>& names_of(Marginal) {
  static const Names<Marginal> names = {{"none", Marginal::kNone},
                                        {"pairwise", Marginal::kPairwise},
                                        {"mixture", Marginal::kMixture}};
  return names;
}

// How the encoder's first layer reads a cell.
enum class InputScale {
  kNone,  // 0 and 1: deep cells have larger activations
  kL2,    // every cell has Euclidean length 1, regardless of its depth
  kTfIdf  // the same, each peak weighted by its inverse document frequency
};
inline const Names<InputScale>& names_of(InputScale) {
  static const Names<InputScale> names = {{"none", InputScale::kNone},
                                          {"l2", InputScale::kL2},
                                          {"tf-idf", InputScale::kTfIdf}};
  return names;
}

// How the decoder gets from [z, c] to one logit per peak.
enum class Decoder {
  kMirrored,  // through the encoder's hidden layers in reverse (2.2.2)
  kLinear     // directly: one loading per peak and latent dimension
};
inline const Names<Decoder>& names_of(Decoder) {
  static const Names<Decoder> names = {{"mirrored", Decoder::kMirrored},
                                       {"linear", Decoder::kLinear}};
  return names;
}

// A complete set of defaults for a model and its training.
enum class Preset {
  kStandard,  // chosen on simulations and held-out likelihoods
  kThesis     // as in the thesis: random start, 400 epochs
};
inline const Names<Preset>& names_of(Preset) {
  static const Names<Preset> names = {{"standard", Preset::kStandard},
                                      {"thesis", Preset::kThesis}};
  return names;
}

struct SailerOptions {
  // Chosen from the data before a model is created: see n_latent_for().
  static constexpr int64_t kAuto = kAutoOption;

  Preset preset = Preset::kStandard;
  Architecture architecture = Architecture::kDense;
  int64_t n_latent = 16;
  std::vector<int64_t> hidden = {32};
  Decoder decoder = Decoder::kMirrored;
  double lambda = 1;
  Marginal marginal = Marginal::kMixture;
  double omega = 1;
  double beta = 2;
  double mixing = 50;
  double dropout = 0.1;
  double alignment = 0;
  bool joint = false;
  double reference_dropout = 0.5;
  Shares thinning{0.2, 0.8};
  InputScale input_scale = InputScale::kTfIdf;
  bool warm_start = true;

  bool sees_reference() const { return joint && alignment > 0; }

  // Throws Error(kArgument) that names the invalid option and its valid values.
  void check() const;
};

// The valid values of each option and its R help.
template <typename Visit>
void describe(SailerOptions& o, const Visit& option) {
  option("preset", o.preset, kAny, R"(
    `"standard"`: defaults chosen on held-out likelihoods and simulations.
    `"thesis"`: those of the thesis, for the model and for what `control` leaves
    open: a random start, hidden layers of 1000 and 100 units, 10 dimensions, no
    thinning, scaling or dropout, the pairwise penalty, 400 epochs without early
    stopping. Options that are given override it. Default `"standard"`.)");
  option("architecture", o.architecture, kAny, R"(
    `"dense"` (chapter 2): every peak meets every hidden unit.
    `"chromosome"` (chapter 3): the peaks of a chromosome meet first, which
    has far fewer parameters and suits 100,000 peaks and more; peaks need
    chromosomes, from `ranges` or from names such as `chr1-100-200`.)");
  option("n_latent", o.n_latent, at_least(1).or_auto(), R"(
    Dimensions of the embedding. By default estimated from the data: the number
    of components of the SVD of TF-IDF on the training cells along which
    held-out cells vary more, by three standard errors, than if peaks were open
    independently of one another; at least 8, at most 40 and at most one for
    every 20 cells.)");
  option("hidden", o.hidden, at_least(1), R"(
    Units of the encoder's hidden layers, from the peaks inwards (of each
    chromosome under `"chromosome"`); the decoder mirrors them. The thesis'
    dense model has `c(1000, 100)`, which is many times slower and was no better
    in benchmarks. Default `32` and `c(64, 32)`.)");
  option("decoder", o.decoder, kAny, R"(
    `"mirrored"`: through the hidden layers in reverse (2.2.2). `"linear"`:
    directly from the embedding to the peaks, one loading per peak and
    dimension; faster, and overfits sooner. Default `"mirrored"`.)");
  option("lambda", o.lambda, at_least(0), R"(
    Weight of the mutual-information penalty, at least 0. 0 is a conditional
    VAE. See [tune_path()]. Default 1.)");
  option("marginal", o.marginal, kAny, R"(
    How the penalty's divergence from the aggregate posterior is computed:
    `"pairwise"`, the thesis' bound, the mean divergence from the other cells of
    the minibatch, which also suppresses information about the cells themselves
    (tighter clusters, a stronger effect of depth); `"mixture"`, an estimate of
    the divergence itself; `"none"` omits it. Default `"mixture"`.)");
  option("omega", o.omega, above(0).or_word("auto"), R"(
    Weight of the open peaks in the likelihood, above 0, or `"auto"` for the
    ratio of closed to open entries (2.2.2), which overfits shallow data.
    Default 1.)");
  option("beta", o.beta, at_least(0), R"(
    Largest weight of the KL terms. The likelihood has the weight 1 + `lambda`:
    with the same value for `beta` the two are weighted as in the evidence lower
    bound. Default 2.)");
  option("mixing", o.mixing, at_least(0), R"(
    Weight of the penalty on what the neighbours of a cell reveal about its
    batch (and about covariates that are labels), in nats per cell, at least 0.
    It removes batch effects that differ between cell types, which otherwise
    remain in the embedding of deep cells although the decoder receives the
    batch; a few deep donors need a larger weight ([tune_path()]). Types that
    occur in one batch only stay separate if their peaks distinguish them by
    more than that. 0 turns it off. No effect with a single batch. Default
    50.)");
  option("dropout", o.dropout, at_least(0).less_than(1), R"(
    Share of the hidden units dropped while training, at least 0 and less
    than 1. Default 0.1.)");
  option("alignment", o.alignment, at_least(0), R"(
    Weight of the alignment, at least 0, on the scale of nats per cell: it
    multiplies the mean over pairs of the squared difference of
    similarities. 0 is SAILER. Larger values follow the reference more
    closely; see [tune_path()]. Default 100000.)");
  option("joint", o.joint, kAny, R"(
    Whether the encoder reads the reference as well as the open peaks; see the
    section above. No effect if `alignment` is 0. Default TRUE.)");
  option("reference_dropout", o.reference_dropout, at_least(0).less_than(1), R"(
    Share of the cells whose reference is hidden from the encoder of a `joint`
    model in training, at least 0 and below 1. Larger values are better for
    cells without a reference. Ignored without `joint`. Default 0.5.)");
  option("thinning", o.thinning, at_least(0).less_than(1), R"(
    In training, a random share of each cell's open peaks is hidden from the
    encoder, uniform between these two shares (one number: between 0 and it),
    while the decoder still reconstructs all: the embedding learns what peaks
    have in common, and depends less on depth. 0 turns it off. Default
    `c(0.2, 0.8)`.)");
  option("input_scale", o.input_scale, kAny, R"(
    `"tf-idf"`: the encoder reads every cell scaled to length 1, whatever its
    depth, each peak weighted by log(1 + 1 / the share of cells that have it
    open); `"l2"`: the same without weights; `"none"`: it reads 0 and 1. Default
    `"tf-idf"`.)");
  option("warm_start", o.warm_start, kAny, R"(
    TRUE: the mean of the embedding has a linear path from the scaled input,
    parallel to the hidden layers, which starts at LSI, the truncated SVD of
    TF-IDF without its first component. Each dimension, and the uncertainty
    about it, starts at the spread of its component's signal in held-out cells.
    FALSE: all weights start at random. Default TRUE.)");
}

// Returns the defaults of an architecture; with `guided` those of SAILERX,
// chosen on held-out cells and not on labels (inst/benchmarks/multiome.R): the
// reference's information needs more dimensions, and less need be hidden.
SailerOptions default_options(Architecture architecture, bool guided = false,
                              Preset preset = Preset::kStandard);

}  // namespace sailer
