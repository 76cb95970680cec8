#include "train_state.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "../support/error.h"

namespace sailer {
namespace {

constexpr int64_t kCounters = 3;

at::Tensor integers(const std::vector<int64_t>& values) {
  return at::tensor(values, at::kLong);
}

at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

// The epoch's number and its columns.
int64_t row_width(const RunColumns& columns) {
  return 1 + static_cast<int64_t>(epoch_columns(columns).size());
}

std::vector<double> take(const double*& from, size_t n) {
  std::vector<double> out(from, from + n);
  from += n;
  return out;
}

EpochRecord record_of(const double* row, const RunColumns& columns) {
  EpochRecord record;
  record.epoch = static_cast<int64_t>(*row++);
  record.settings = take(row, columns.settings.size());
  record.parts = take(row, columns.parts.size());
  record.measures = take(row, columns.measures.size());
  record.seconds = row[0];
  record.cells_per_second = row[1];
  return record;
}

const NamedTensor* look_up(const std::vector<NamedTensor>& tensors,
                           const std::string& name, at::ScalarType type) {
  for (const NamedTensor& entry : tensors) {
    if (entry.name == name && entry.tensor.scalar_type() == type) {
      return &entry;
    }
  }
  return nullptr;
}

at::Tensor find(const std::vector<NamedTensor>& tensors,
                const std::string& name, at::ScalarType type) {
  const NamedTensor* entry = look_up(tensors, name, type);
  if (entry != nullptr) return entry->tensor.contiguous();
  throw_error(ErrorKind::kFile,
              "The saved training state is incomplete: it has no '", name,
              "'. It cannot be resumed.");
}

void expect_size(const at::Tensor& tensor, int64_t size,
                 const std::string& name) {
  if (tensor.numel() == size) return;
  throw_error(ErrorKind::kFile, "The saved training state is damaged: its '",
              name, "' has ", tensor.numel(), " values instead of ", size, ".");
}

}  // namespace

std::vector<std::string> epoch_columns(const RunColumns& columns) {
  std::vector<std::string> out = columns.settings;
  out.insert(out.end(), columns.parts.begin(), columns.parts.end());
  out.insert(out.end(), columns.measures.begin(), columns.measures.end());
  out.insert(out.end(), {"seconds", "cells_per_second"});
  return out;
}

std::vector<double> epoch_values(const EpochRecord& record) {
  std::vector<double> out = record.settings;
  out.insert(out.end(), record.parts.begin(), record.parts.end());
  out.insert(out.end(), record.measures.begin(), record.measures.end());
  out.insert(out.end(), {record.seconds, record.cells_per_second});
  return out;
}

TrainState TrainState::blank(int64_t epochs, const RunColumns& columns) {
  TrainState out;
  out.epoch = epochs;
  out.sums.assign(columns.parts.size(), 0);
  EpochRecord record;
  record.settings.assign(columns.settings.size(), 0);
  record.parts.assign(columns.parts.size(), 0);
  record.measures.assign(columns.measures.size(), 0);
  out.history.assign(epochs, record);
  return out;
}

void TrainState::begin_epoch() {
  position = 0;
  sums.assign(sums.size(), 0);
  weight = 0;
  seconds = 0;
}

double TrainState::seconds_left(int64_t epochs, double first) const {
  double each = first;
  if (!history.empty()) {
    each = 0;
    for (const EpochRecord& past : history) each += past.seconds;
    each /= static_cast<double>(history.size());
  }
  return std::max(0.0, each * static_cast<double>(epochs - epoch) - seconds);
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

std::vector<NamedTensor> to_tensors(const TrainState& state,
                                    const RunColumns& columns) {
  std::vector<double> history;
  for (const EpochRecord& record : state.history) {
    const std::vector<double> values = epoch_values(record);
    history.push_back(static_cast<double>(record.epoch));
    history.insert(history.end(), values.begin(), values.end());
  }
  std::vector<double> running = state.sums;
  running.insert(running.end(), {state.seconds, state.best_score});
  std::vector<NamedTensor> out;
  out.push_back({"run.counters",
                 integers({state.epoch, state.position, state.best_epoch})});
  out.push_back({"run.numbers", numbers(running)});
  out.push_back({"run.history", numbers(history).view({n_of(state.history),
                                                       row_width(columns)})});
  out.push_back({"run.weight", numbers({state.weight})});
  append_with_prefix(state.best, "best.", out);
  return out;
}

TrainState train_state_from(const std::vector<NamedTensor>& tensors,
                            const RunColumns& columns) {
  TrainState state;
  const at::Tensor counters = find(tensors, "run.counters", at::kLong);
  expect_size(counters, kCounters, "run.counters");
  const int64_t* count = counters.data_ptr<int64_t>();
  state.epoch = count[0];
  state.position = count[1];
  state.best_epoch = count[2];
  const at::Tensor values = find(tensors, "run.numbers", at::kDouble);
  const size_t n_parts = columns.parts.size();
  expect_size(values, static_cast<int64_t>(n_parts) + 2, "run.numbers");
  const double* value = values.data_ptr<double>();
  state.sums = take(value, n_parts);
  state.seconds = value[0];
  state.best_score = value[1];
  const NamedTensor* weight = look_up(tensors, "run.weight", at::kDouble);
  if (weight != nullptr) expect_size(weight->tensor, 1, "run.weight");
  state.weight = weight == nullptr ? static_cast<double>(state.position)
                                   : weight->tensor.item<double>();
  const at::Tensor history = find(tensors, "run.history", at::kDouble);
  const int64_t width = row_width(columns);
  expect_size(history, state.epoch * width, "run.history");
  for (int64_t k = 0; k < state.epoch; ++k) {
    state.history.push_back(
        record_of(history.data_ptr<double>() + k * width, columns));
  }
  state.best = with_prefix(tensors, "best.");
  return state;
}

}  // namespace sailer
