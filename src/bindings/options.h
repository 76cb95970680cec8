// Options travel between R and core as named lists. Core owns the defaults: a
// list from R overrides what it names, and a name that core does not know is
// an error.
#pragma once

#include <Rcpp.h>

#include "../core/models/sailer_options.h"
#include "../core/training/train_options.h"

namespace sailer {

// `guided`: what is not named has the defaults of SAILERX.
SailerOptions sailer_options_from_r(const Rcpp::List& values,
                                    bool guided = false);
Rcpp::List sailer_options_to_r(const SailerOptions& options);

TrainOptions train_options_from_r(const Rcpp::List& values);
Rcpp::List train_options_to_r(const TrainOptions& options);

}  // namespace sailer
