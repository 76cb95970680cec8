// SAILER and SAILERX as a task of the Trainer: the model over a stream of
// minibatches of peaks, with the schedules of 2.2.2.
//
// On a GPU a step is launched anew each time, not replayed as a CUDA graph: a
// graph has fixed shapes, and the number of open peaks differs from one
// minibatch to the next.
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
  // Model and stream must outlive the task; `split` names cells of the stream's
  // source. What the options leave open is decided here. With an exchange the
  // task computes its part of the cells of each minibatch (BatchPart), and
  // looks at its part of the cells held out. Throws Error(kArgument) when the
  // options are out of range.
  SailerTask(SailerModel& model, BatchStream& stream, const Split& split,
             const TrainOptions& options, Exchange* exchange = nullptr);

  // As they were decided.
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
  // In epochs, of the minibatch that begins at this position.
  double time_of(int64_t epoch, int64_t position) const;
  double beta(double time) const;

  SailerModel& model_;
  BatchStream& stream_;
  RunCells cells_;
  TrainOptions options_;
  Schedule schedule_;
  Exchange* exchange_;
  BatchPart part_;       // of the minibatch fetched last,
  SparseBatch batch_;    // and its cells
  double measured_ = 0;  // cells held out that this process looked at
};

}  // namespace sailer
