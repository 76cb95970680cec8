#include "train_state.h"

#include <ATen/ATen.h>

#include <string>

#include "../support/error.h"

namespace sailer {
namespace {

constexpr int64_t kCounters = 3, kNumbers = 7, kColumns = 14;

at::Tensor integers(const std::vector<int64_t>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong));
}

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

std::vector<double> row_of(const EpochRecord& r) {
  return {static_cast<double>(r.epoch),
          r.beta,
          r.learning_rate,
          r.loss,
          r.reconstruction,
          r.kl,
          r.marginal,
          r.validation_log_likelihood,
          r.validation_kl,
          r.validation_elbo,
          r.seconds,
          r.cells_per_second,
          r.alignment,
          r.validation_alignment};
}

EpochRecord record_of(const double* v) {
  EpochRecord r;
  r.epoch = static_cast<int64_t>(v[0]);
  r.beta = v[1];
  r.learning_rate = v[2];
  r.loss = v[3];
  r.reconstruction = v[4];
  r.kl = v[5];
  r.marginal = v[6];
  r.validation_log_likelihood = v[7];
  r.validation_kl = v[8];
  r.validation_elbo = v[9];
  r.seconds = v[10];
  r.cells_per_second = v[11];
  r.alignment = v[12];
  r.validation_alignment = v[13];
  return r;
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
    const std::vector<double> row = row_of(record);
    history.insert(history.end(), row.begin(), row.end());
  }
  std::vector<NamedTensor> out;
  out.push_back({"run.counters",
                 integers({state.epoch, state.position, state.best_epoch})});
  out.push_back(
      {"run.numbers",
       numbers({state.sums[0], state.sums[1], state.sums[2], state.sums[3],
                state.sums[4], state.seconds, state.best_elbo})});
  out.push_back({"run.history",
                 numbers(history).view(
                     {static_cast<int64_t>(state.history.size()), kColumns})});
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
  expect_size(history, state.epoch * kColumns, "run.history");
  for (int64_t k = 0; k < state.epoch; ++k) {
    state.history.push_back(
        record_of(history.data_ptr<double>() + k * kColumns));
  }
  state.best = with_prefix(tensors, "best.");
  return state;
}

}  // namespace sailer
