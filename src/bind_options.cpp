// Bindings for the options of models and of training, with their defaults.
#include "bindings/options.h"

#include <optional>
#include <string>

#include "bindings/errors.h"
#include "core/support/device.h"

using namespace sailer;

// [[Rcpp::export]]
Rcpp::List core_sailer_options(Rcpp::List values, bool guided = false) {
  return guarded(
      [&] { return options_to_r(sailer_options_from_r(values, guided)); });
}

// With n_cells above 0, options that are left open are chosen for that many
// cells and a model with these options.
// [[Rcpp::export]]
Rcpp::List core_train_options(Rcpp::List values, double n_cells = 0,
                              Rcpp::Nullable<Rcpp::List> model = R_NilValue) {
  return guarded([&] {
    TrainOptions options = training_options_from_r<TrainOptions>(values);
    if (n_cells > 0) {
      options = options.resolve(static_cast<int64_t>(n_cells),
                                sailer_options_from_r(Rcpp::List(model)));
    }
    return options_to_r(options);
  });
}

// [[Rcpp::export]]
Rcpp::List core_expresser_options(Rcpp::List values) {
  return guarded([&] {
    ExpresserOptions options = expresser_options_from_r(values);
    options.feed_forward = options.feed_forward_units();
    return options_to_r(options);
  });
}

// With n_cells above 0, options that are left open are chosen for that many
// cells, a model with these options and the free memory of a device.
// [[Rcpp::export]]
Rcpp::List core_pretrain_options(Rcpp::List values, double n_cells = 0,
                                 Rcpp::Nullable<Rcpp::List> model = R_NilValue,
                                 std::string device = "cpu") {
  return guarded([&] {
    PretrainOptions options = training_options_from_r<PretrainOptions>(values);
    if (n_cells > 0) {
      std::optional<int64_t> free_bytes;
      if (device != "cpu") free_bytes = free_bytes_of(device);
      options = options.resolve(static_cast<int64_t>(n_cells),
                                expresser_options_from_r(Rcpp::List(model)),
                                free_bytes);
    }
    return options_to_r(options);
  });
}
