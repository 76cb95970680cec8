// Door to the options of models and of training, and to their defaults.
#include "bindings/options.h"

#include <cmath>
#include <string>

#include "bindings/errors.h"
#include "bindings/setters.h"

namespace sailer {

SailerOptions sailer_options_from_r(const Rcpp::List& values, bool guided) {
  SailerOptions options = default_options(Architecture::kDense, guided);
  // The architecture decides the other defaults, so it comes first.
  if (values.containsElementNamed("architecture")) {
    options = default_options(
        parse_architecture(Rcpp::as<std::string>(values["architecture"])),
        guided);
  }
  apply_options(
      values,
      {{"architecture", [](SEXP) {}},
       {"n_latent", number(options.n_latent)},
       {"hidden",
        [&](SEXP value) {
          options.hidden.clear();
          for (double units : Rcpp::as<std::vector<double>>(value)) {
            options.hidden.push_back(static_cast<int64_t>(units));
          }
        }},
       {"decoder",
        [&](SEXP value) {
          options.decoder = parse_decoder(Rcpp::as<std::string>(value));
        }},
       {"lambda", number(options.lambda)},
       {"marginal",
        [&](SEXP value) {
          options.marginal = parse_marginal(Rcpp::as<std::string>(value));
        }},
       {"omega", number(options.omega)},
       {"beta", number(options.beta)},
       {"dropout", number(options.dropout)},
       {"alignment", number(options.alignment)},
       {"joint", [&](SEXP value) { options.joint = Rcpp::as<bool>(value); }},
       {"reference_dropout", number(options.reference_dropout)},
       {"thinning",
        [&](SEXP value) {
          // One number is the upper end.
          const auto range = Rcpp::as<std::vector<double>>(value);
          options.thinning_min = range.size() > 1 ? range.front() : 0;
          options.thinning_max = range.empty() ? 0 : range.back();
        }},
       {"input_scale", [&](SEXP value) {
          options.input_scale = parse_input_scale(Rcpp::as<std::string>(value));
        }}});
  options.check();
  return options;
}

Rcpp::List sailer_options_to_r(const SailerOptions& options) {
  return Rcpp::List::create(
      Rcpp::Named("architecture") = name_of(options.architecture),
      Rcpp::Named("n_latent") = static_cast<int>(options.n_latent),
      Rcpp::Named("hidden") =
          Rcpp::IntegerVector(options.hidden.begin(), options.hidden.end()),
      Rcpp::Named("decoder") = name_of(options.decoder),
      Rcpp::Named("lambda") = options.lambda,
      Rcpp::Named("marginal") = name_of(options.marginal),
      Rcpp::Named("omega") = options.omega, Rcpp::Named("beta") = options.beta,
      Rcpp::Named("dropout") = options.dropout,
      Rcpp::Named("alignment") = options.alignment,
      Rcpp::Named("joint") = options.joint,
      Rcpp::Named("reference_dropout") = options.reference_dropout,
      Rcpp::Named("thinning") = Rcpp::NumericVector::create(
          options.thinning_min, options.thinning_max),
      Rcpp::Named("input_scale") = name_of(options.input_scale));
}

TrainOptions train_options_from_r(const Rcpp::List& values) {
  TrainOptions options;
  apply_options(values,
                {{"epochs", count_or_auto(options.epochs)},
                 {"batch_size", number(options.batch_size)},
                 {"learning_rate", number(options.learning_rate)},
                 {"learning_rate_decay", number(options.learning_rate_decay)},
                 {"weight_decay", number(options.weight_decay)},
                 {"warmup", count_or_auto(options.warmup)},
                 {"period", count_or_auto(options.period)},
                 {"validation", number(options.validation)},
                 {"patience", number(options.patience)},
                 {"seed", number(options.seed)},
                 {"precision",
                  [&](SEXP value) {
                    options.compute.precision =
                        parse_precision(Rcpp::as<std::string>(value));
                  }},
                 {"reconstruction",
                  [&](SEXP value) {
                    options.compute.reconstruction =
                        parse_reconstruction(Rcpp::as<std::string>(value));
                  }},
                 {"sampled_share", number(options.compute.sampled_share)},
                 // For tests and benchmarks; not among the documented options.
                 {"resident_bytes", number(options.resident_bytes)},
                 {"engine", [&](SEXP value) {
                    options.compute.engine =
                        parse_engine(Rcpp::as<std::string>(value));
                  }}});
  options.check();
  return options;
}

Rcpp::List train_options_to_r(const TrainOptions& options) {
  // What is chosen later travels as NA.
  const auto chosen = [](int64_t value) {
    return value == TrainOptions::kAuto ? NA_INTEGER : static_cast<int>(value);
  };
  return Rcpp::List::create(
      Rcpp::Named("epochs") = chosen(options.epochs),
      Rcpp::Named("batch_size") = static_cast<int>(options.batch_size),
      Rcpp::Named("learning_rate") = options.learning_rate,
      Rcpp::Named("learning_rate_decay") = options.learning_rate_decay,
      Rcpp::Named("weight_decay") = options.weight_decay,
      Rcpp::Named("warmup") = chosen(options.warmup),
      Rcpp::Named("period") = chosen(options.period),
      Rcpp::Named("validation") = options.validation,
      Rcpp::Named("patience") = static_cast<int>(options.patience),
      Rcpp::Named("seed") = static_cast<double>(options.seed),
      Rcpp::Named("precision") = name_of(options.compute.precision),
      Rcpp::Named("reconstruction") = name_of(options.compute.reconstruction),
      Rcpp::Named("sampled_share") = options.compute.sampled_share);
}

}  // namespace sailer

// [[Rcpp::export]]
Rcpp::List core_sailer_options(Rcpp::List values, bool guided = false) {
  return sailer::guarded([&] {
    return sailer::sailer_options_to_r(
        sailer::sailer_options_from_r(values, guided));
  });
}

// With n_cells above 0 what is left to the core is decided for so many cells.
// [[Rcpp::export]]
Rcpp::List core_train_options(Rcpp::List values, double n_cells = 0) {
  return sailer::guarded([&] {
    const sailer::TrainOptions options = sailer::train_options_from_r(values);
    return sailer::train_options_to_r(
        n_cells > 0 ? options.resolve(static_cast<int64_t>(n_cells)) : options);
  });
}
