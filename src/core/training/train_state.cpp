#include "train_state.h"

#include <ATen/ATen.h>

#include <string>

#include "../support/error.h"

namespace sailer {
namespace {

constexpr int64_t kCounters = 3, kNumbers = 7;

at::Tensor integers(const std::vector<int64_t>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong));
}

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

// The number of the epoch, then its columns.
int64_t row_width() { return 1 + static_cast<int64_t>(epoch_columns().size()); }

void append_row(const EpochRecord& record, std::vector<double>& rows) {
  rows.push_back(static_cast<double>(record.epoch));
  for (const EpochColumn& column : epoch_columns()) {
    rows.push_back(record.*column.value);
  }
}

EpochRecord record_of(const double* row) {
  EpochRecord record;
  record.epoch = static_cast<int64_t>(*row);
  for (const EpochColumn& column : epoch_columns()) {
    record.*column.value = *++row;
  }
  return record;
}

at::Tensor find(const std::vector<NamedTensor>& tensors,
                const std::string& name, at::ScalarType type) {
  for (const NamedTensor& entry : tensors) {
    if (entry.name == name && entry.tensor.scalar_type() == type) {
      return entry.tensor.contiguous();
    }
  }
  throw Error(ErrorKind::kFile,
              "The saved training is incomplete: it has no '" + name +
                  "'. It cannot be resumed.");
}

void expect_size(const at::Tensor& tensor, int64_t size,
                 const std::string& name) {
  if (tensor.numel() == size) return;
  throw Error(ErrorKind::kFile, "The saved training is damaged: its '" + name +
                                    "' has " + std::to_string(tensor.numel()) +
                                    " values instead of " +
                                    std::to_string(size) + ".");
}

}  // namespace

const std::vector<EpochColumn>& epoch_columns() {
  static const std::vector<EpochColumn> columns = {
      {"beta", &EpochRecord::beta},
      {"learning_rate", &EpochRecord::learning_rate},
      {"loss", &EpochRecord::loss},
      {"reconstruction", &EpochRecord::reconstruction},
      {"kl", &EpochRecord::kl},
      {"marginal", &EpochRecord::marginal},
      {"alignment", &EpochRecord::alignment},
      {"validation_log_likelihood", &EpochRecord::validation_log_likelihood},
      {"validation_kl", &EpochRecord::validation_kl},
      {"validation_elbo", &EpochRecord::validation_elbo},
      {"validation_alignment", &EpochRecord::validation_alignment},
      {"seconds", &EpochRecord::seconds},
      {"cells_per_second", &EpochRecord::cells_per_second}};
  return columns;
}

std::vector<NamedTensor> with_prefix(const std::vector<NamedTensor>& tensors,
                                     const std::string& prefix) {
  std::vector<NamedTensor> out;
  for (const NamedTensor& entry : tensors) {
    if (entry.name.compare(0, prefix.size(), prefix) == 0) {
      out.push_back({entry.name.substr(prefix.size()), entry.tensor});
    }
  }
  return out;
}

void append_with_prefix(const std::vector<NamedTensor>& tensors,
                        const std::string& prefix,
                        std::vector<NamedTensor>& out) {
  for (const NamedTensor& entry : tensors) {
    out.push_back({prefix + entry.name, entry.tensor});
  }
}

std::vector<NamedTensor> to_tensors(const TrainState& state) {
  std::vector<double> history;
  for (const EpochRecord& record : state.history) {
    append_row(record, history);
  }
  std::vector<NamedTensor> out;
  out.push_back({"run.counters",
                 integers({state.epoch, state.position, state.best_epoch})});
  out.push_back(
      {"run.numbers",
       numbers({state.sums[0], state.sums[1], state.sums[2], state.sums[3],
                state.sums[4], state.seconds, state.best_elbo})});
  out.push_back({"run.history", numbers(history).view(
                                    {static_cast<int64_t>(state.history.size()),
                                     row_width()})});
  append_with_prefix(state.best, "best.", out);
  return out;
}

TrainState train_state_from(const std::vector<NamedTensor>& tensors) {
  TrainState state;
  const at::Tensor counters = find(tensors, "run.counters", at::kLong);
  expect_size(counters, kCounters, "run.counters");
  const int64_t* count = counters.data_ptr<int64_t>();
  state.epoch = count[0];
  state.position = count[1];
  state.best_epoch = count[2];
  const at::Tensor values = find(tensors, "run.numbers", at::kDouble);
  expect_size(values, kNumbers, "run.numbers");
  const double* value = values.data_ptr<double>();
  for (size_t k = 0; k < state.sums.size(); ++k) state.sums[k] = value[k];
  state.seconds = value[5];
  state.best_elbo = value[6];
  const at::Tensor history = find(tensors, "run.history", at::kDouble);
  expect_size(history, state.epoch * row_width(), "run.history");
  for (int64_t k = 0; k < state.epoch; ++k) {
    state.history.push_back(
        record_of(history.data_ptr<double>() + k * row_width()));
  }
  state.best = with_prefix(tensors, "best.");
  return state;
}

}  // namespace sailer
