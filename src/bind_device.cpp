// Door to devices, threads and what sailer was built with (R/device.R).
#include <Rcpp.h>

#include "bindings/errors.h"
#include "core/support/bf16.h"
#include "core/support/device.h"
#include "core/support/fork.h"

// [[Rcpp::export]]
Rcpp::CharacterVector core_list_devices() {
  return sailer::guarded([] { return Rcpp::wrap(sailer::list_devices()); });
}

// [[Rcpp::export]]
void core_check_device(std::string asked) {
  sailer::guarded([&] { sailer::check_device(asked); });
}

// [[Rcpp::export]]
std::string core_choose_device(std::string asked) {
  return sailer::guarded([&] { return sailer::choose_device(asked); });
}

// [[Rcpp::export]]
int core_get_threads() {
  return sailer::guarded([] { return sailer::get_threads(); });
}

// [[Rcpp::export]]
void core_set_threads(int n) {
  sailer::guarded([&] { sailer::set_threads(n); });
}

// [[Rcpp::export]]
bool core_is_forked() {
  return sailer::guarded([] { return sailer::is_forked(); });
}

// [[Rcpp::export]]
Rcpp::List core_build_info() {
  return sailer::guarded([] {
    const sailer::BuildInfo info = sailer::build_info();
    return Rcpp::List::create(
        Rcpp::Named("libtorch_version") = info.libtorch_version,
        Rcpp::Named("libtorch_folder") = info.libtorch_folder,
        Rcpp::Named("libtorch_source") = info.libtorch_source,
        Rcpp::Named("hdf5_version") = info.hdf5_version,
        Rcpp::Named("blas") = info.blas,
        Rcpp::Named("blas_path") = info.blas_path,
        Rcpp::Named("reference_blas") = info.reference_blas,
        Rcpp::Named("gpu_support") = sailer::has_gpu_support(),
        Rcpp::Named("no_gpu") = sailer::why_no_gpu());
  });
}

// [[Rcpp::export]]
bool core_bf16_is_fast(std::string device) {
  return sailer::guarded([&] { return sailer::bf16_is_fast(device); });
}
