// SAILER and SAILERX as a task of the Trainer: the model over a stream of
// minibatches of peaks, with the schedules of 2.2.2.
#pragma once

#include <string>
#include <vector>

#include "../data/stream/batch_stream.h"
#include "../models/sailer_model.h"
#include "exchange.h"
#include "sampler.h"
#include "task.h"
#include "train_options.h"

namespace sailer {

class SailerTask : public Task {
 public:
  // Model and stream must outlive the task; `split` names cells of the stream's
  // source. What the options leave open is decided here. Of a shard the task
  // has its part of the cells, of each minibatch and of the cells held out,
  // and draws numbers of its own; batch normalisation and the aggregate
  // posterior are then those of its part of the minibatch. Throws
  // Error(kArgument) when the options are out of range.
  SailerTask(SailerModel& model, BatchStream& stream, const Split& split,
             const TrainOptions& options, const Shard& shard = {});

  // As they were decided.
  const TrainOptions& options() const { return options_; }

  ParameterSet& parameters() override { return model_.parameters(); }
  at::Device device() const override {
    return model_.tensor_options().device();
  }
  int64_t n_training() const override { return n_of(cells_.own().training); }
  RunColumns columns() const override;
  std::vector<double> settings_of(int64_t epoch) const override;
  double learning_rate(int64_t epoch, int64_t position) const override;
  void start_epoch(int64_t epoch, int64_t position) override;
  void stop() override;
  bool next() override;
  int64_t n_cells() const override { return batch_.n_cells(); }
  std::vector<int64_t> cells() const override { return stream_.cells(); }
  std::vector<int64_t> cells_at(int64_t epoch,
                                int64_t position) const override {
    return cells_.batch_at(epoch, position, options_.batch_size);
  }
  StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                bool layers_may_step) override;
  std::vector<double> measure() override;
  bool has_validation() const override {
    return !cells_.own().validation.empty();
  }
  double validation_weight() const override {
    return static_cast<double>(cells_.own().validation.size());
  }
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
  SparseBatch batch_;  // fetched last
};

}  // namespace sailer
