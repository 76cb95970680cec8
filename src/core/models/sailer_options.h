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
  kChromosome  // chapter 3: each chromosome first has its own units
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
    `"thesis"`: the defaults of the thesis, for the model and for options that
    `control` does not set: a random start, hidden layers of 1000 and 100 units
    and 10 dimensions (`"chromosome"`: 64 and 32 units, 50 dimensions), `beta`
    1, no mixing penalty, thinning, scaling or dropout, the pairwise penalty,
    400 epochs without early stopping. Options given explicitly override the
    preset. Default `"standard"`.)");
  option("architecture", o.architecture, kAny, R"(
    `"dense"` (chapter 2): every peak is connected to every hidden unit.
    `"chromosome"` (chapter 3): peaks are first connected within their
    chromosome, which takes far fewer parameters and suits 100,000 peaks and
    more. It needs the peaks' chromosomes, from `ranges` or from names such as
    `chr1-100-200`.)");
  option("n_latent", o.n_latent, at_least(1).or_auto(), R"(
    Dimensions of the embedding. By default estimated from the data: the number
    of components of the TF-IDF SVD of the training cells along which held-out
    cells vary more, by three standard errors, than if peaks were open
    independently of one another. It is at least 8, at most 40 and at most one
    per 20 cells.)");
  option("hidden", o.hidden, at_least(1), R"(
    Units of the encoder's hidden layers, from the peaks inwards (per chromosome
    with `"chromosome"`); the decoder mirrors them. The thesis' dense model has
    `c(1000, 100)`, which is many times slower and was no better in benchmarks.
    Default `32` and `c(64, 32)`.)");
  option("decoder", o.decoder, kAny, R"(
    `"mirrored"`: through the hidden layers in reverse (2.2.2). `"linear"`:
    directly from the embedding to the peaks, with one loading per peak and
    dimension; this is faster, but overfits sooner. Default `"mirrored"`.)");
  option("lambda", o.lambda, at_least(0), R"(
    Weight of the mutual-information penalty, at least 0. With 0 the model is a
    conditional VAE. See [tune_path()]. Default 1.)");
  option("marginal", o.marginal, kAny, R"(
    How the penalty's divergence from the aggregate posterior is computed.
    `"pairwise"`, the thesis' bound, is the mean divergence from the other cells
    of the minibatch; it also suppresses information about the cells themselves
    (tighter clusters, a stronger effect of depth). `"mixture"` estimates the
    divergence itself. `"none"` omits it. Default `"mixture"`.)");
  option("omega", o.omega, above(0).or_word("auto"), R"(
    Weight of the open peaks in the likelihood, above 0, or `"auto"` for the
    ratio of closed to open entries (2.2.2), which overfits shallow data.
    Default 1.)");
  option("beta", o.beta, at_least(0), R"(
    Maximum weight of the KL terms. The likelihood has the weight 1 + `lambda`:
    with the same value for `beta` the two are weighted as in the evidence lower
    bound (ELBO). Default 2.)");
  option("mixing", o.mixing, at_least(0), R"(
    Weight of the penalty on the information that a cell's neighbours carry
    about its batch (and about covariates that are labels), in nats per cell, at
    least 0. It removes batch effects that differ between cell types, which
    otherwise remain in the embedding of deep cells although the decoder
    receives the batch. A few deep donors need a larger weight ([tune_path()]).
    Cell types that occur in one batch only stay separate if their peaks
    distinguish them by more than the penalty. 0 turns it off. No effect with a
    single batch. Default 50.)");
  option("dropout", o.dropout, at_least(0).less_than(1), R"(
    Dropout rate of the hidden units in training, at least 0 and less than 1.
    Default 0.1.)");
  option("alignment", o.alignment, at_least(0), R"(
    Weight of the alignment, at least 0, on the scale of nats per cell: it
    multiplies the mean over pairs of cells of the squared difference of
    similarities. With 0 the model is SAILER. With larger values the embedding
    follows the reference more closely; see [tune_path()]. Default 100000.)");
  option("joint", o.joint, kAny, R"(
    Whether the encoder reads the reference as well as the open peaks; see *What
    the encoder reads*. No effect if `alignment` is 0. Default TRUE.)");
  option("reference_dropout", o.reference_dropout, at_least(0).less_than(1), R"(
    Share of cells whose reference is hidden from the encoder of a `joint` model
    in training, at least 0 and less than 1. Larger values are better for cells
    without a reference. Ignored without `joint`. Default 0.5.)");
  option("thinning", o.thinning, at_least(0).less_than(1), R"(
    In training, a random share of each cell's open peaks is hidden from the
    encoder, while the decoder still reconstructs all peaks. The share is drawn
    uniformly between these two values (or between 0 and a single value). The
    embedding thus learns what peaks have in common and depends less on depth. 0
    turns it off. Default `c(0.2, 0.8)`.)");
  option("input_scale", o.input_scale, kAny, R"(
    `"tf-idf"`: the encoder reads every cell scaled to length 1, regardless of
    its depth, with each peak weighted by log(1 + 1 / the share of cells in
    which it is open); `"l2"`: the same without weights; `"none"`: it reads 0
    and 1. Default `"tf-idf"`.)");
  option("warm_start", o.warm_start, kAny, R"(
    TRUE: the mean of the embedding has a linear path from the scaled input,
    parallel to the hidden layers. It is initialised with LSI, the truncated SVD
    of TF-IDF without its first component. Each dimension, and its uncertainty,
    starts at the spread of the component's signal in held-out cells. FALSE: all
    weights start at random. Default TRUE.)");
}

// Returns the defaults of an architecture; with `guided` those of SAILERX,
// chosen on held-out cells and not on labels (inst/benchmarks/multiome.R): with
// a reference, fewer peaks have to be hidden.
SailerOptions default_options(Architecture architecture, bool guided = false,
                              Preset preset = Preset::kStandard);

}  // namespace sailer
