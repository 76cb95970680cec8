// Door to the options of models and of training, and to their defaults.
#include "bindings/options.h"

#include <cmath>
#include <string>

#include "bindings/errors.h"
#include "bindings/setters.h"

namespace sailer {

SailerOptions sailer_options_from_r(const Rcpp::List& values, bool guided) {
  // These two decide the other defaults, so they come first.
  const auto word = [&](const char* name, const char* absent) {
    return values.containsElementNamed(name)
               ? Rcpp::as<std::string>(values[name])
               : std::string(absent);
  };
  SailerOptions options =
      default_options(parse_architecture(word("architecture", "dense")), guided,
                      parse_preset(word("preset", "standard")));
  apply_options(
      values,
      {{"preset", [](SEXP) {}},
       {"architecture", [](SEXP) {}},
       {"n_latent", number_or_auto(options.n_latent)},
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
       {"input_scale",
        [&](SEXP value) {
          options.input_scale = parse_input_scale(Rcpp::as<std::string>(value));
        }},
       {"warm_start",
        [&](SEXP value) { options.warm_start = Rcpp::as<bool>(value); }}});
  options.check();
  return options;
}

Rcpp::List sailer_options_to_r(const SailerOptions& options) {
  return Rcpp::List::create(
      Rcpp::Named("preset") = name_of(options.preset),
      Rcpp::Named("architecture") = name_of(options.architecture),
      Rcpp::Named("n_latent") = options.n_latent == SailerOptions::kAuto
                                    ? NA_INTEGER
                                    : static_cast<int>(options.n_latent),
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
      Rcpp::Named("input_scale") = name_of(options.input_scale),
      Rcpp::Named("warm_start") = options.warm_start);
}

TrainOptions train_options_from_r(const Rcpp::List& values) {
  TrainOptions options;
  apply_options(
      values,
      {{"steps", number(options.steps)},
       {"epochs", number_or_auto(options.epochs)},
       {"batch_size", number_or_auto(options.batch_size)},
       {"learning_rate", number_or_auto(options.learning_rate)},
       {"learning_rate_decay", number_or_auto(options.learning_rate_decay)},
       {"weight_decay", number_or_auto(options.weight_decay)},
       {"frozen", number_or_auto(options.frozen)},
       {"warmup", number_or_auto(options.warmup)},
       {"period", number_or_auto(options.period)},
       {"validation", number_or_auto(options.validation)},
       {"patience", number_or_auto(options.patience)},
       {"seed", number(options.seed)},
       {"precision",
        [&](SEXP value) {
          options.compute.precision =
              parse_precision(Rcpp::as<std::string>(value));
        }},
       // For tests and benchmarks; not among the documented options.
       {"resident_bytes", number(options.resident_bytes)},
       {"engine", [&](SEXP value) {
          options.compute.engine = parse_engine(Rcpp::as<std::string>(value));
        }}});
  options.check();
  return options;
}

Rcpp::List train_options_to_r(const TrainOptions& options) {
  // What is chosen later travels as NA.
  const auto chosen = [](double value) {
    return value == TrainOptions::kAuto ? NA_REAL : value;
  };
  const auto whole = [](int64_t value) {
    return value == TrainOptions::kAuto ? NA_INTEGER : static_cast<int>(value);
  };
  return Rcpp::List::create(
      Rcpp::Named("steps") = whole(options.steps),
      Rcpp::Named("epochs") = whole(options.epochs),
      Rcpp::Named("batch_size") = whole(options.batch_size),
      Rcpp::Named("learning_rate") = chosen(options.learning_rate),
      Rcpp::Named("learning_rate_decay") = chosen(options.learning_rate_decay),
      Rcpp::Named("weight_decay") = chosen(options.weight_decay),
      Rcpp::Named("frozen") = chosen(options.frozen),
      Rcpp::Named("warmup") = chosen(options.warmup),
      Rcpp::Named("period") = chosen(options.period),
      Rcpp::Named("validation") = chosen(options.validation),
      Rcpp::Named("patience") = whole(options.patience),
      Rcpp::Named("seed") = static_cast<double>(options.seed),
      Rcpp::Named("precision") = name_of(options.compute.precision));
}

}  // namespace sailer

// [[Rcpp::export]]
Rcpp::List core_sailer_options(Rcpp::List values, bool guided = false) {
  return sailer::guarded([&] {
    return sailer::sailer_options_to_r(
        sailer::sailer_options_from_r(values, guided));
  });
}

// With n_cells above 0 what is left to the core is decided for so many cells
// and a model of these options.
// [[Rcpp::export]]
Rcpp::List core_train_options(Rcpp::List values, double n_cells = 0,
                              Rcpp::Nullable<Rcpp::List> model = R_NilValue) {
  return sailer::guarded([&] {
    const sailer::TrainOptions options = sailer::train_options_from_r(values);
    return sailer::train_options_to_r(
        n_cells > 0
            ? options.resolve(static_cast<int64_t>(n_cells),
                              sailer::sailer_options_from_r(Rcpp::List(model)))
            : options);
  });
}
