// Options of the Expresser on their way between R and the core; see options.h.
#pragma once

#include <Rcpp.h>

#include "../core/models/expresser_options.h"
#include "../core/training/expresser_schedule.h"

namespace sailer {

// `size` decides the other defaults: "small" or "full".
ExpresserOptions expresser_options_from_r(const Rcpp::List& values);
Rcpp::List expresser_options_to_r(const ExpresserOptions& options,
                                  const std::string& size);

PretrainOptions pretrain_options_from_r(const Rcpp::List& values);
Rcpp::List pretrain_options_to_r(const PretrainOptions& options);

}  // namespace sailer
