// Door to the options of the Expresser and of its training.
#include <string>

#include "bindings/errors.h"
#include "bindings/expresser.h"
#include "bindings/setters.h"

namespace sailer {
namespace {

std::string size_from_r(const Rcpp::List& values) {
  return values.containsElementNamed("size")
             ? Rcpp::as<std::string>(values["size"])
             : "small";
}

// NA leaves the choice to the core.
Setter rate_or_auto(double& field) {
  return [&field](SEXP value) {
    const double given = Rcpp::as<double>(value);
    field = ISNAN(given) ? PretrainOptions::kAutoRate : given;
  };
}

}  // namespace

ExpresserOptions expresser_options_from_r(const Rcpp::List& values) {
  ExpresserOptions options =
      default_expresser_options(parse_size(size_from_r(values)));
  apply_options(
      values,
      {{"size", [](SEXP) {}},
       {"n_embedding", number(options.n_embedding)},
       {"n_layers", number(options.n_layers)},
       {"n_heads", number(options.n_heads)},
       {"feed_forward", number(options.feed_forward)},
       {"layout",
        [&](SEXP value) {
          options.layout = parse_layout(Rcpp::as<std::string>(value));
        }},
       {"dropout", number(options.dropout)},
       {"decoder",
        [&](SEXP value) { options.decoder = Rcpp::as<bool>(value); }},
       {"n_bins", number(options.n_bins)},
       {"mask_ratio", number(options.mask_ratio)},
       {"max_genes", number(options.max_genes)},
       {"expression",
        [&](SEXP value) {
          options.expression = parse_expression(Rcpp::as<std::string>(value));
        }},
       {"token_start",
        [&](SEXP value) {
          options.token_start = parse_token_start(Rcpp::as<std::string>(value));
        }},
       {"l_from", [&](SEXP value) {
          options.l_from = parse_largest_from(Rcpp::as<std::string>(value));
        }}});
  options.check();
  return options;
}

Rcpp::List expresser_options_to_r(const ExpresserOptions& options,
                                  const std::string& size) {
  return Rcpp::List::create(
      Rcpp::Named("size") = size,
      Rcpp::Named("n_embedding") = static_cast<int>(options.n_embedding),
      Rcpp::Named("n_layers") = static_cast<int>(options.n_layers),
      Rcpp::Named("n_heads") = static_cast<int>(options.n_heads),
      Rcpp::Named("feed_forward") =
          static_cast<int>(options.feed_forward_units()),
      Rcpp::Named("layout") = name_of(options.layout),
      Rcpp::Named("dropout") = options.dropout,
      Rcpp::Named("decoder") = options.decoder,
      Rcpp::Named("expression") = name_of(options.expression),
      Rcpp::Named("token_start") = name_of(options.token_start),
      Rcpp::Named("n_bins") = static_cast<int>(options.n_bins),
      Rcpp::Named("mask_ratio") = options.mask_ratio,
      Rcpp::Named("max_genes") = static_cast<double>(options.max_genes),
      Rcpp::Named("l_from") = name_of(options.l_from));
}

PretrainOptions pretrain_options_from_r(const Rcpp::List& values) {
  PretrainOptions options;
  apply_options(values,
                {{"epochs", number_or_auto(options.epochs)},
                 {"batch_size", number_or_auto(options.batch_size)},
                 {"token_budget", number_or_auto(options.token_budget)},
                 {"learning_rate", rate_or_auto(options.learning_rate)},
                 {"final_share", number(options.final_share)},
                 {"warmup", number_or_auto(options.warmup)},
                 {"clip", number(options.clip)},
                 {"weight_decay", number(options.weight_decay)},
                 {"validation", number(options.validation)},
                 {"patience", number(options.patience)},
                 {"seed", number(options.seed)},
                 {"precision",
                  [&](SEXP value) {
                    options.compute.precision =
                        parse_precision(Rcpp::as<std::string>(value));
                  }},
                 // For tests and benchmarks: the same numbers in another way.
                 {"engine", [&](SEXP value) {
                    options.compute.engine =
                        parse_engine(Rcpp::as<std::string>(value));
                  }}});
  options.check();
  return options;
}

Rcpp::List pretrain_options_to_r(const PretrainOptions& options) {
  // What is chosen later travels as NA.
  const auto chosen = [](int64_t value) {
    return value == PretrainOptions::kAuto ? NA_REAL
                                           : static_cast<double>(value);
  };
  return Rcpp::List::create(
      Rcpp::Named("epochs") = chosen(options.epochs),
      Rcpp::Named("batch_size") = chosen(options.batch_size),
      Rcpp::Named("token_budget") = chosen(options.token_budget),
      Rcpp::Named("learning_rate") =
          options.learning_rate == PretrainOptions::kAutoRate
              ? NA_REAL
              : options.learning_rate,
      Rcpp::Named("final_share") = options.final_share,
      Rcpp::Named("warmup") = chosen(options.warmup),
      Rcpp::Named("clip") = options.clip,
      Rcpp::Named("weight_decay") = options.weight_decay,
      Rcpp::Named("validation") = options.validation,
      Rcpp::Named("patience") = static_cast<double>(options.patience),
      Rcpp::Named("seed") = static_cast<double>(options.seed),
      Rcpp::Named("precision") = name_of(options.compute.precision));
}

}  // namespace sailer

// [[Rcpp::export]]
Rcpp::List core_expresser_options(Rcpp::List values) {
  return sailer::guarded([&] {
    return sailer::expresser_options_to_r(
        sailer::expresser_options_from_r(values), sailer::size_from_r(values));
  });
}

// With n_cells above 0 what is left to the core is decided for so many cells, a
// model of so many numbers and a device.
// [[Rcpp::export]]
Rcpp::List core_pretrain_options(Rcpp::List values, double n_cells = 0,
                                 double n_embedding = 0,
                                 std::string device = "cpu") {
  return sailer::guarded([&] {
    const sailer::PretrainOptions options =
        sailer::pretrain_options_from_r(values);
    return sailer::pretrain_options_to_r(
        n_cells > 0 ? options.resolve(static_cast<int64_t>(n_cells),
                                      static_cast<int64_t>(n_embedding),
                                      device == "cpu")
                    : options);
  });
}
