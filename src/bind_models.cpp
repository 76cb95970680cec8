// Bindings for SAILER: training, models recreated from their parameters, and
// the posterior of cells.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/options.h"
#include "bindings/states.h"
#include "bindings/training.h"
#include "core/models/peak_weights.h"
#include "core/models/sailer_model.h"
#include "core/support/device.h"
#include "core/support/shuffle.h"
#include "core/training/passes.h"
#include "core/training/sailer_task.h"
#include "core/training/warm_start.h"

namespace {

using namespace sailer;

using ModelXPtr = Rcpp::XPtr<SailerModel>;

PeakLayout layout_from_r(const Rcpp::NumericVector& sizes) {
  return PeakLayout(Rcpp::as<std::vector<int64_t>>(sizes));
}

// From list(depth, labels = list(list(name, codes, n_levels), ...), numbers =
// list(list(name, values), ...)).
Confounders confounders_from_r(const Rcpp::List& values) {
  Confounders out;
  out.depth = Rcpp::as<std::vector<double>>(values["depth"]);
  const Rcpp::List labels = values["labels"];
  for (R_xlen_t k = 0; k < labels.size(); ++k) {
    const Rcpp::List label = labels[k];
    LabelColumn column;
    column.name = Rcpp::as<std::string>(label["name"]);
    column.n_levels = Rcpp::as<int>(label["n_levels"]);
    for (int code : Rcpp::as<Rcpp::IntegerVector>(label["codes"])) {
      column.codes.push_back(code == NA_INTEGER ? -1 : code - 1);
    }
    out.labels.push_back(column);
  }
  const Rcpp::List numbers = values["numbers"];
  for (R_xlen_t k = 0; k < numbers.size(); ++k) {
    const Rcpp::List number = numbers[k];
    out.numbers.push_back({Rcpp::as<std::string>(number["name"]),
                           Rcpp::as<std::vector<double>>(number["values"])});
  }
  return out;
}

// The width of the reference in a joint model's state; 0 for other models.
int64_t reference_width_of(const std::vector<NamedTensor>& state) {
  for (const NamedTensor& entry : state) {
    if (entry.name == SailerModel::kReferenceWeight) {
      return entry.tensor.size(0) - 1;
    }
  }
  return 0;
}

Rcpp::NumericVector standard_to_r(const Standard& standard) {
  return Rcpp::NumericVector::create(_["mean"] = standard.mean,
                                     _["sd"] = standard.sd);
}

Rcpp::List scaling_to_r(const ConfounderScaling& scaling) {
  Rcpp::List numbers(scaling.numbers.size());
  for (size_t k = 0; k < scaling.numbers.size(); ++k) {
    numbers[k] = standard_to_r(scaling.numbers[k]);
  }
  return Rcpp::List::create(_["log_depth"] = standard_to_r(scaling.log_depth),
                            _["numbers"] = numbers);
}

// Number of latent dimensions of the model whose training is resumed.
int64_t n_latent_in(const Rcpp::RObject& state) {
  for (const NamedTensor& entry : training_state_from_r(state)) {
    if (entry.name == "model.encoder.mean.bias") return entry.tensor.numel();
  }
  throw_error(ErrorKind::kFile, "The training state holds no SAILER model.");
}

// Stops when the time is up, and at Ctrl-C.
class BriefMonitor : public RMonitor {
 public:
  explicit BriefMonitor(std::chrono::seconds time)
      : end_(std::chrono::steady_clock::now() + time) {}
  bool keep_going(const Progress& progress) override {
    return std::chrono::steady_clock::now() < end_ &&
           RMonitor::keep_going(progress);
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

// Returns the embedding of all cells, or NULL. After Ctrl-C the user waits for
// it a second at most; predict() can compute it later. If another process has
// been lost by now, the trained model is still complete, and this process
// embeds all cells by itself.
Rcpp::RObject embed_after(SailerModel& model, BatchStream& stream,
                          TrainStatus status, Exchange* exchange) {
  if (status == TrainStatus::kLostProcess) exchange = nullptr;
  const bool brief = status == TrainStatus::kInterrupted;
  BriefMonitor monitor(brief ? std::chrono::seconds(1)
                             : std::chrono::hours(24 * 365));
  std::vector<float> embedding;
  try {
    embedding = posteriors_of_cells(model, stream, monitor, exchange).mean;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kProcess) throw;
    leave_processes("");
    embedding = posteriors_of_cells(model, stream, monitor).mean;
  }
  if (embedding.empty()) return R_NilValue;
  return matrix_to_r(embedding, stream.source().n_cells(),
                     model.options().n_latent);
}

}  // namespace

// Returns the positions, from 1, of the cells that a run with these options
// trains on.
// [[Rcpp::export]]
Rcpp::NumericVector core_training_cells(double n_cells, double validation,
                                        double seed) {
  return guarded([&] {
    const Split split =
        split_cells(static_cast<int64_t>(n_cells), validation,
                    derive_seed(static_cast<uint64_t>(seed), kSplitStream));
    return places_to_r(split.training);
  });
}

// Trains a model. `peak_map` gives the position of each feature of the source
// in the model, from 1, or NA; `frequencies` is the share of cells in which
// each of the model's peaks is open; `reference` is NULL or the reference that
// the cells are aligned with (SAILERX); `run` is as in train_from_r().
// [[Rcpp::export]]
Rcpp::List core_sailer_train(SEXP source, Rcpp::IntegerVector peak_map,
                             Rcpp::NumericVector group_sizes,
                             Rcpp::NumericVector frequencies,
                             Rcpp::List confounders, SEXP reference,
                             Rcpp::List model_options, Rcpp::List train_options,
                             std::string device, Rcpp::List run,
                             Rcpp::RObject report) {
  return guarded([&] {
    const CellSourcePtr cells = unwrap_source(source);
    SailerOptions options = sailer_options_from_r(model_options);
    const TrainOptions train =
        training_options_from_r<TrainOptions>(train_options)
            .resolve(cells->n_cells(), options);
    const Confounders known = confounders_from_r(confounders);
    const Split split = split_cells(cells->n_cells(), train.validation,
                                    derive_seed(train.seed, kSplitStream));
    const ConfounderScaling scaling = fit_scaling(known, split.training);
    ConfounderMatrix encoded = encode(known, scaling);
    const int64_t n_confounders = encoded.width;
    const Reference guide = reference_from_r(reference);
    const bool guided = guide.width > 0 && options.alignment > 0;
    const auto shares = Rcpp::as<std::vector<double>>(frequencies);
    const auto n_peaks = n_of(shares);
    const auto weights = peak_weights(options.input_scale, shares, n_peaks);
    RMonitor starting;
    CellRows rows;  // of the model's peaks
    rows.source = cells;
    rows.map = feature_map_from_r(peak_map);
    rows.n_columns = n_peaks;
    rows.cancelled = starting.cancelled();
    Exchange* exchange = exchange_of(run);
    share_rows(rows, exchange);
    const Rcpp::RObject state = run["state"];
    // If a run is resumed, only the first of several processes has the state,
    // and sends it to the others when they begin to train.
    const bool begins = of_first(exchange, state.isNULL() ? 1 : 0) == 1;
    std::optional<Lsi> lsi;
    const bool open = options.n_latent == SailerOptions::kAuto;
    if (begins && (open || options.warm_start)) {
      lsi = lsi_of(rows, split, encoded, weights, options.n_latent, guided,
                   train.seed);
      check_done(lsi.has_value());
    }
    if (open) {
      if (lsi.has_value()) {
        options.n_latent =
            n_latent_for(*lsi, cells->n_cells(), guided ? guide.width : 0);
      } else if (!state.isNULL()) {
        options.n_latent = n_latent_in(state);
      }
      options.n_latent = of_first(exchange, options.n_latent);
    }
    SailerModel model(options, layout_from_r(group_sizes), n_confounders,
                      shares, train.seed, at::Device(device), at::kFloat,
                      guide.width);
    model.set_compute(train.compute);
    if (begins && options.warm_start) {
      if (guided) {
        check_done(start_at_reference(model, rows, split, weights, guide,
                                      encoded, *lsi));
      } else {
        start_at(model, linear_posterior(*lsi, options.n_latent));
      }
    }
    StreamOptions stream_options;
    stream_options.batch_size = train.batch_size;
    stream_options.device = at::Device(device);
    stream_options.resident_bytes = train.resident_bytes;
    stream_options.cancelled = rows.cancelled;
    BatchStream stream(cells, rows.map, std::move(encoded), stream_options,
                       guide);
    check_done(starting.keep_going({}));  // Ctrl-C while cells were uploaded
    RMonitor monitor(report);
    Rcpp::List progress;
    SailerTask task(model, stream, split, train, exchange);
    const TrainResult result = train_from_r(task, task.options().run(), run,
                                            monitor, progress, exchange);
    const Rcpp::RObject embedded =
        embed_after(model, stream, result.status, exchange);
    Rcpp::List out = outcome_to_r(result, split, progress);
    out.push_back(state_to_r(model.parameters().tensors()), "state");
    out.push_back(scaling_to_r(scaling), "scaling");
    out.push_back(n_confounders, "n_confounders");
    out.push_back(static_cast<int>(options.n_latent), "n_latent");
    out.push_back(embedded, "embedding");
    return out;
  });
}

// Creates a model from the parameters of a fit.
// [[Rcpp::export]]
SEXP core_sailer_model(Rcpp::List state, Rcpp::NumericVector group_sizes,
                       double n_confounders, Rcpp::List model_options,
                       std::string device) {
  return guarded([&]() -> SEXP {
    const std::vector<NamedTensor> tensors = state_from_r(state);
    auto model = std::make_unique<SailerModel>(
        sailer_options_from_r(model_options), layout_from_r(group_sizes),
        static_cast<int64_t>(n_confounders), std::vector<double>(), uint64_t{0},
        at::Device(device), at::kFloat, reference_width_of(tensors));
    model->parameters().load_state(tensors);
    return ModelXPtr(model.release(), true);
  });
}

// Returns list(mean, log_variance) of q(z | x), each cells x n_latent.
// `peak_map` and `reference` are those of core_sailer_train(); only joint
// models read a reference.
// [[Rcpp::export]]
Rcpp::List core_sailer_posterior(SEXP model, SEXP source,
                                 Rcpp::IntegerVector peak_map, SEXP reference) {
  return guarded([&] {
    const ModelXPtr held(model);
    const CellSourcePtr cells = unwrap_source(source);
    StreamOptions options;
    options.device = held->tensor_options().device();
    // No encoder reads confounders: a matrix without columns will do.
    BatchStream stream(cells, feature_map_from_r(peak_map), ConfounderMatrix(),
                       options, reference_from_r(reference));
    RMonitor silent;
    const CellPosteriors found = posteriors_of_cells(*held, stream, silent);
    const int64_t n = cells->n_cells(), d = held->options().n_latent;
    check_done(n_of(found.mean) == n * d);
    return Rcpp::List::create(
        _["mean"] = matrix_to_r(found.mean, n, d),
        _["log_variance"] = matrix_to_r(found.log_variance, n, d));
  });
}

// True if the pointer of a model is valid in this R process.
// [[Rcpp::export]]
bool core_model_alive(SEXP model) { return is_alive(model); }
