// SAILER and SAILERX as a task of the Trainer: the model over a stream of
// minibatches of peaks, with the schedules of thesis 2.2.2.
//
// On a GPU, each step launches its kernels anew instead of replaying a CUDA
// graph: a graph has fixed shapes, but the number of open peaks differs from
// one minibatch to the next.
#pragma once

#include <string>
#include <vector>

#include "../data/stream/batch_stream.h"
#include "../models/sailer_model.h"
#include "sampler.h"
#include "step_exchange.h"
#include "task.h"
#include "train_options.h"

namespace sailer {

class SailerTask : public Task {
 public:
  // The model, the stream and the exchange must outlive the task; `split`
  // contains cells of the stream's source. Automatic options are resolved here.
  // With an exchange, the task computes its part of the cells of each minibatch
  // (BatchPart), and evaluates its part of the held-out cells. Throws
  // Error(kArgument) if an option is out of range.
  SailerTask(SailerModel& model, BatchStream& stream, const Split& split,
             const TrainOptions& options, Exchange* exchange = nullptr);

  // The resolved options.
  const TrainOptions& options() const { return options_; }

  ParameterSet& parameters() override { return model_.parameters(); }
  at::Device device() const override {
    return model_.tensor_options().device();
  }
  int64_t n_training() const override { return cells_.n_training(); }
  RunColumns columns() const override;
  std::vector<double> settings_of(int64_t epoch) const override;
  double learning_rate(int64_t epoch, int64_t position) const override;
  void start_epoch(int64_t epoch, int64_t position) override;
  void stop() override;
  bool next() override;
  int64_t n_cells() const override { return n_of(stream_.cells()); }
  std::vector<int64_t> cells_at(int64_t epoch,
                                int64_t position) const override {
    return cells_.batch_at(epoch, position, options_.batch_size);
  }
  StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                bool layers_may_step) override;
  bool has_one_backward() const override { return true; }
  std::vector<double> measure() override;
  bool has_validation() const override {
    return !cells_.split().validation.empty();
  }
  double validation_weight() const override { return measured_; }
  // The evidence lower bound.
  double score(const std::vector<double>& measures) const override {
    return measures[2];
  }
  int64_t patience_from() const override;

 private:
  // Time, in epochs, at which the minibatch at this position begins.
  double time_of(int64_t epoch, int64_t position) const;
  double beta(double time) const;

  SailerModel& model_;
  BatchStream& stream_;
  RunCells cells_;
  TrainOptions options_;
  Schedule schedule_;
  Exchange* exchange_;
  BatchPart part_;       // of the minibatch fetched last
  SparseBatch batch_;    // the cells of that part
  double measured_ = 0;  // held-out cells that this process evaluated
};

}  // namespace sailer
