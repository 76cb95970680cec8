// Door to imputation: probabilities of chosen peaks at points of the latent
// space.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "core/models/decode.h"

namespace sailer {
namespace {

// R's column-major matrix as a tensor of its own, [rows, columns].
at::Tensor tensor_from_r(const Rcpp::NumericMatrix& matrix) {
  return at::from_blob(const_cast<double*>(matrix.begin()),
                       {matrix.ncol(), matrix.nrow()},
                       at::TensorOptions().dtype(at::kDouble))
      .t();
}

std::vector<int64_t> places_from_r(const Rcpp::IntegerVector& places) {
  std::vector<int64_t> out;
  out.reserve(places.size());
  for (int place : places) out.push_back(int64_t{place} - 1);
  return out;
}

}  // namespace
}  // namespace sailer

// Probabilities of `peaks` (places in the model, from 1, in any order), peaks x
// cells, at the rows of `z`; `confounders` are encoded as the core encodes
// them, with one row for each cell or one for all; `shift` is added to each
// logit.
// [[Rcpp::export]]
Rcpp::NumericMatrix core_sailer_decode(SEXP model, Rcpp::NumericMatrix z,
                                       Rcpp::NumericMatrix confounders,
                                       Rcpp::IntegerVector peaks,
                                       double shift) {
  using namespace sailer;
  return guarded([&] {
    const Rcpp::XPtr<SailerModel> held(model);
    const int n_cells = z.nrow();
    const auto n_peaks = static_cast<int64_t>(peaks.size());
    Rcpp::NumericMatrix out(Rcpp::no_init(static_cast<int>(n_peaks), n_cells));
    DecodeOptions options;
    options.shift = shift;
    const auto take = [&](const DecodedBlock& block) {
      double* first =
          out.begin() + block.first_cell * n_peaks + block.first_peak;
      at::from_blob(first, block.values.sizes(), {n_peaks, 1},
                    at::TensorOptions().dtype(at::kDouble))
          .copy_(block.values);
    };
    RMonitor monitor(R_NilValue);
    if (!decode_peaks(*held, tensor_from_r(z), tensor_from_r(confounders),
                      places_from_r(peaks), options, take, monitor)) {
      throw Rcpp::internal::InterruptedException();
    }
    return out;
  });
}
