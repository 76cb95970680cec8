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
  // has its part of the cells, of each minibatch and of the cells kept back,
  // and draws numbers of its own; batch normalisation and the aggregate
  // posterior are then those of its part of the minibatch. Throws
  // Error(kArgument) when the options are out of range.
  SailerTask(SailerModel& model, BatchStream& stream, const Split& split,
             const TrainOptions& options, const Shard& shard = {});

  // As they were decided.
  const TrainOptions& options() const { return options_; }

  ParameterSet& parameters() override { return model_.parameters(); }
  at::Device device() const override;
  int64_t n_training() const override;
  const std::vector<std::string>& settings() const override;
  const std::vector<std::string>& parts() const override;
  const std::vector<std::string>& measures() const override;
  std::vector<double> settings_of(int64_t epoch) const override;
  double learning_rate(int64_t epoch, int64_t position) const override;
  void start_epoch(int64_t epoch, int64_t position) override;
  void stop() override;
  bool next() override;
  int64_t n_cells() const override { return batch_.n_cells(); }
  std::vector<int64_t> cells() const override { return stream_.cells(); }
  std::vector<int64_t> cells_at(int64_t epoch, int64_t position) const override;
  StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                bool layers_may_step) override;
  std::vector<double> measure() override;
  bool has_validation() const override { return !split_.validation.empty(); }
  double validation_weight() const override;
  // The evidence lower bound.
  double score(const std::vector<double>& measures) const override;
  int64_t patience_from() const override;

 private:
  // In epochs, of the minibatch that begins at this position.
  double time_of(int64_t epoch, int64_t position) const;
  double beta(double time) const;
  std::vector<int64_t> order_of(int64_t epoch) const;

  SailerModel& model_;
  BatchStream& stream_;
  Split split_;  // of this shard
  TrainOptions options_;
  Schedule schedule_;
  uint64_t noise_seed_;  // of all but the order of the cells
  SparseBatch batch_;    // fetched last
};

}  // namespace sailer
