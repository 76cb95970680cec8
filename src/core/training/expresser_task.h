// Training of an Expresser: the loss of eq. 4.5, averaged over the masked genes
// of a minibatch, and the schedule.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../data/stream/batch_gene_stream.h"
#include "../models/expresser_model.h"
#include "expresser_schedule.h"
#include "sampler.h"
#include "step_exchange.h"
#include "task.h"

namespace sailer {

class ExpresserTask final : public Task {
 public:
  // The cells in `split` must have at least 2 genes; `options` must be
  // resolved. With an exchange, the task computes its part of the cells of each
  // minibatch and of the held-out cells. Throws Error(kArgument) if a minibatch
  // is too small to have a cell for every process.
  ExpresserTask(ExpresserModel& model, CellSourcePtr source, const Split& split,
                const PretrainOptions& options, Exchange* exchange = nullptr);

  ParameterSet& parameters() override { return model_.parameters(); }
  at::Device device() const override {
    return model_.tensor_options().device();
  }
  int64_t n_training() const override { return cells_.n_training(); }
  RunColumns columns() const override;
  std::vector<double> settings_of(int64_t epoch) const override {
    return {learning_rate(epoch, 0)};
  }
  double learning_rate(int64_t epoch, int64_t position) const override;
  void start_epoch(int64_t epoch, int64_t position) override;
  void stop() override { stream_.stop(); }
  bool next() override;
  int64_t n_cells() const override { return next_ - position_; }
  std::vector<int64_t> cells_at(int64_t epoch,
                                int64_t position) const override {
    return cells_.batch_at(epoch, position, options_.batch_size);
  }
  StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                bool layers_may_step) override;
  std::vector<double> measure() override;
  bool has_validation() const override {
    return !cells_.split().validation.empty();
  }
  // Tokens of a piece: fewer than the options specified if memory ran out.
  int64_t token_budget() const { return options_.token_budget; }

  double validation_weight() const override { return measured_; }
  double score(const std::vector<double>& measures) const override {
    return -measures[0];
  }

 private:
  GeneStreamOptions stream_options() const;
  void start_stream(int64_t epoch, int64_t position);
  StepLoss step_by_pieces(int64_t epoch, int64_t position, double weight);
  bool halve_pieces(int64_t epoch, int64_t position);

  ExpresserModel& model_;
  RunCells cells_;
  PretrainOptions options_;
  Exchange* exchange_;
  Shard shard_;
  uint64_t noise_seed_;  // each process draws its own random numbers
  GeneStream stream_;
  int64_t n_steps_;                  // of an epoch
  int64_t position_ = 0, next_ = 0;  // of the minibatch fetched last
  double measured_ = 0;              // masked genes of its held-out cells
  std::vector<GeneBatch> pieces_;
};

}  // namespace sailer
