// Bindings for decoding: probabilities of chosen peaks at points of the latent
// space, as a matrix, as the open peaks only, and in a file; and contrasts.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/tensors.h"
#include "core/data/binarized_rows.h"
#include "core/data/hdf5_writer.h"
#include "core/models/contrast.h"
#include "core/models/decode.h"
#include "core/support/disk_file.h"

namespace {

using namespace sailer;

// Decodes and passes each block to `take`; Ctrl-C becomes R's interrupt.
void decode_for_r(SEXP model, const Rcpp::NumericMatrix& z,
                  const Rcpp::NumericMatrix& confounders,
                  const Rcpp::IntegerVector& peaks,
                  const DecodeOptions& options, const Rcpp::RObject& report,
                  const std::function<void(const DecodedBlock&)>& take) {
  const Rcpp::XPtr<SailerModel> held(model);
  RMonitor monitor(report);
  check_done(decode_peaks(*held, tensor_from_r(z), tensor_from_r(confounders),
                          places_from_r(peaks), options, take, monitor));
}

// Number of floats, for whole cells, that are held at once.
constexpr int64_t kHeldValues = int64_t{1} << 24;

// Chunks (256 KB) that suit readers of single cells and of single peaks alike,
// and blocks of whole chunks.
const std::vector<int64_t> kChunk{128, 512};
constexpr int64_t kChunksOfCells = 4, kChunksOfPeaks = 16;

// The last byte of a float is noise, which does not compress and carries no
// information: without it, values have a relative error of 1.5e-5 and take a
// third less space.
at::Tensor rounded(const at::Tensor& values) {
  const at::Tensor floats = values.to(at::kFloat).contiguous();
  return floats.view(at::kInt).add(0x80).bitwise_and_(~0xff).view(at::kFloat);
}

ContrastGroup group_from_r(const Rcpp::List& group) {
  return {tensor_from_r(group["z"]), vector_from_r(group["weights"])};
}

ContrastTraining training_from_r(const Rcpp::List& training) {
  ContrastTraining out;
  out.z = tensor_from_r(training["z"]);
  out.confounders = tensor_from_r(training["confounders"]);
  out.weights = vector_from_r(training["weights"]);
  out.clusters =
      places_from_r(Rcpp::as<Rcpp::IntegerVector>(training["clusters"]));
  out.n_clusters = Rcpp::as<int>(training["n_clusters"]);
  return out;
}

}  // namespace

// Returns the probabilities, peaks x cells, of `peaks` (positions in the model,
// from 1, in any order) at the rows of `z`. `confounders` are encoded as in the
// core, with one row for each cell or one for all. `shift` is added to each
// logit.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_sailer_decode(SEXP model, Rcpp::NumericMatrix z,
                                       Rcpp::NumericMatrix confounders,
                                       Rcpp::IntegerVector peaks,
                                       double shift) {
  return guarded([&] {
    const auto n_peaks = n_of(peaks);
    Rcpp::NumericMatrix out(Rcpp::no_init(static_cast<int>(n_peaks), z.nrow()));
    DecodeOptions options;
    options.shift = shift;
    decode_for_r(
        model, z, confounders, peaks, options, R_NilValue,
        [&](const DecodedBlock& block) {
          double* first =
              out.begin() + block.first_cell * n_peaks + block.first_peak;
          at::from_blob(first, block.values.sizes(), {n_peaks, 1}, at::kDouble)
              .copy_(block.values);
        });
    return out;
  });
}

// The same, but only the open peaks: list(i, p, x) of a dgCMatrix, x = NULL
// unless `keep_values`. A peak is open if its probability is at least
// `threshold` or, if `n_open` is above 0, if it is among that many likeliest
// peaks of the cell. NULL if there are more than `max_entries`. `report` is
// NULL or a function of a list that describes the progress.
// [[Rcpp::export]]
Rcpp::RObject core_sailer_decode_open(SEXP model, Rcpp::NumericMatrix z,
                                      Rcpp::NumericMatrix confounders,
                                      Rcpp::IntegerVector peaks, double shift,
                                      double threshold, double n_open,
                                      bool keep_values, double max_entries,
                                      Rcpp::RObject report) {
  return guarded([&]() -> Rcpp::RObject {
    const auto n_peaks = n_of(peaks);
    BinarizedRows rows({threshold, static_cast<int64_t>(n_open), keep_values});
    DecodeOptions options;
    options.shift = shift;
    options.n_peaks = std::max<int64_t>(1, n_peaks);
    options.n_cells =
        std::clamp<int64_t>(kHeldValues / options.n_peaks, 1, 512);
    struct TooMany {};
    try {
      decode_for_r(
          model, z, confounders, peaks, options, report,
          [&](const DecodedBlock& block) {
            const at::Tensor values = block.values.to(at::kFloat);
            if (!rows.add(values.data_ptr<float>(), values.size(0), n_peaks,
                          static_cast<int64_t>(max_entries))) {
              throw TooMany();
            }
          });
    } catch (const TooMany&) {
      return R_NilValue;
    }
    Rcpp::RObject values;
    if (keep_values) values = Rcpp::wrap(rows.values());
    return Rcpp::List::create(_["i"] = rows.peaks(),
                              _["p"] = Rcpp::IntegerVector(
                                  rows.offsets().begin(), rows.offsets().end()),
                              _["x"] = values);
  });
}

// The same, as the dataset "imputed" of an HDF5 file, with the names of both
// dimensions. The file is either written completely or not changed.
// [[Rcpp::export]]
void core_sailer_decode_file(SEXP model, Rcpp::NumericMatrix z,
                             Rcpp::NumericMatrix confounders,
                             Rcpp::IntegerVector peaks, double shift,
                             std::string file, Rcpp::CharacterVector peak_names,
                             Rcpp::CharacterVector cell_names,
                             Rcpp::RObject report) {
  guarded([&] {
    DecodeOptions options;
    options.shift = shift;
    options.n_cells = kChunksOfCells * kChunk[0];
    options.n_peaks = kChunksOfPeaks * kChunk[1];
    replace_file(file, [&](const std::string& part) {
      hdf5::FileWriter to(part, file);
      to.chunked("imputed", {z.nrow(), peaks.size()}, kChunk);
      decode_for_r(model, z, confounders, peaks, options, report,
                   [&](const DecodedBlock& block) {
                     const at::Tensor values = rounded(block.values);
                     to.write_block(
                         "imputed", {block.first_cell, block.first_peak},
                         values.sizes().vec(), values.data_ptr<float>());
                   });
      to.texts("cells", texts_from_r(cell_names));
      to.texts("peaks", texts_from_r(peak_names));
      // HDF5Array expects the dimensions in R's order here.
      to.name_dimensions("imputed", {"peaks", "cells"}, "dimnames");
      to.close();
    });
  });
}

// Compares two groups of cells (R/differential_accessibility.R). `first` and
// `second` are list(z, weights), `training` is list(z, confounders, weights,
// clusters, n_clusters), and `options` is list(shift, offset, ridge), as in
// core/models/contrast.h; peaks and clusters are counted from 1.
// [[Rcpp::export]]
Rcpp::List core_sailer_contrast(SEXP model, Rcpp::List first, Rcpp::List second,
                                Rcpp::NumericMatrix confounders,
                                Rcpp::NumericVector shares, Rcpp::List training,
                                Rcpp::IntegerVector peaks, Rcpp::List options) {
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const ContrastOptions given{options["shift"], options["offset"],
                                options["ridge"]};
    RMonitor monitor;
    const PeakContrasts out = contrast_peaks(
        *held, group_from_r(first), group_from_r(second),
        tensor_from_r(confounders), vector_from_r(shares),
        training_from_r(training), places_from_r(peaks), given, monitor);
    check_done(n_of(out.mean_1) == peaks.size());
    return Rcpp::List::create(
        _["mean_1"] = out.mean_1, _["mean_2"] = out.mean_2,
        _["log_variance"] = out.log_variance,
        _["difference_variance"] = out.difference_variance);
  });
}
