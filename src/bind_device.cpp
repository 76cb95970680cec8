// Bindings for devices, threads and what sailer was built with (R/device.R).
#include <Rcpp.h>

#include "bindings/errors.h"
#include "core/support/bf16.h"
#include "core/support/device.h"
#include "core/support/fork.h"

using namespace sailer;
using Rcpp::_;

// [[Rcpp::export]]
Rcpp::CharacterVector core_list_devices() {
  return guarded([] { return Rcpp::wrap(list_devices()); });
}

// [[Rcpp::export]]
void core_check_device(std::string asked) {
  guarded([&] { check_device(asked); });
}

// [[Rcpp::export]]
std::string core_choose_device(std::string asked) {
  return guarded([&] { return choose_device(asked); });
}

// [[Rcpp::export]]
int core_get_threads() {
  return guarded([] { return get_threads(); });
}

// [[Rcpp::export]]
void core_set_threads(int n) {
  guarded([&] { set_threads(n); });
}

// [[Rcpp::export]]
bool core_is_forked() { return is_forked(); }

// What sailer_sitrep() shows of the BLAS.
Rcpp::List blas_to_r(const BlasInfo& blas) {
  return Rcpp::List::create(_["name"] = blas.name, _["path"] = blas.path,
                            _["reference"] = blas.reference,
                            _["kernels"] = blas.kernels,
                            _["better"] = blas.better);
}

// [[Rcpp::export]]
Rcpp::List core_build_info() {
  return guarded([] {
    const BuildInfo info = build_info();
    return Rcpp::List::create(
        _["libtorch_version"] = info.libtorch_version,
        _["libtorch_folder"] = info.libtorch_folder,
        _["libtorch_source"] = info.libtorch_source,
        _["hdf5_version"] = info.hdf5_version, _["blas"] = blas_to_r(info.blas),
        _["gpu_support"] = has_gpu_support(), _["no_gpu"] = why_no_gpu());
  });
}

// [[Rcpp::export]]
bool core_bf16_is_fast(std::string device) {
  return guarded([&] { return bf16_is_fast(device); });
}
