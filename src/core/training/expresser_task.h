// Training of an Expresser: the loss of eq. 4.5, averaged over the masked genes
// of a minibatch, and its schedule.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../data/batch_gene_stream.h"
#include "../models/expresser_model.h"
#include "expresser_schedule.h"
#include "sampler.h"
#include "task.h"

namespace sailer {

class ExpresserTask final : public Task {
 public:
  // `split` names cells of the source that have at least 2 genes; with several
  // processes its training cells are this one's, and `n_steps` the steps that
  // every process takes in an epoch (0: what its own cells need). `options` are
  // resolved; batch_size is this process' share of a minibatch.
  ExpresserTask(ExpresserModel& model, CellSourcePtr source, Split split,
                const PretrainOptions& options, int64_t n_steps = 0);

  ParameterSet& parameters() override { return model_.parameters(); }
  at::Device device() const override;
  int64_t n_training() const override;
  const std::vector<std::string>& settings() const override;
  const std::vector<std::string>& parts() const override;
  const std::vector<std::string>& measures() const override;
  std::vector<double> settings_of(int64_t epoch) const override;
  double learning_rate(int64_t epoch, int64_t position) const override;
  void start_epoch(int64_t epoch, int64_t position) override;
  void stop() override { stream_.stop(); }
  bool next() override { return stream_.next(pieces_); }
  int64_t n_cells() const override;
  std::vector<int64_t> cells() const override { return stream_.cells(); }
  std::vector<int64_t> cells_at(int64_t epoch, int64_t position) const override;
  StepLoss step(Adam& adam, int64_t epoch, int64_t position,
                bool may_hand_out) override;
  std::vector<double> measure() override;
  bool has_validation() const override { return !split_.validation.empty(); }
  double score(const std::vector<double>& measures) const override;

 private:
  std::vector<int64_t> order_of(int64_t epoch) const;
  GeneStreamOptions stream_options() const;

  ExpresserModel& model_;
  Split split_;
  PretrainOptions options_;
  GeneStream stream_;
  int64_t n_steps_;
  std::vector<GeneBatch> pieces_;
};

}  // namespace sailer
