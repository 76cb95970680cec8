#include "hdf5_rows.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "block.h"
#include "whole_count.h"

namespace sailer {

using hdf5::ValueType;

namespace {

// Entries read through rather than skipped: a call costs as much.
constexpr int64_t kMostSkipped = 1 << 14;
constexpr int64_t kMostRun = 1 << 20;  // entries of one call

void check_shape(const hdf5::File& file, const std::string& group,
                 int64_t n_cells, int64_t n_features) {
  if (n_cells < 0 || n_features < 0 ||
      n_features > std::numeric_limits<int32_t>::max()) {
    throw Error(ErrorKind::kFile,
                "The shape of '" + group + "' in '" + file.path() + "' is " +
                    std::to_string(n_features) + " features x " +
                    std::to_string(n_cells) +
                    " cells, which cannot be; the file is damaged.");
  }
}

void check_indptr(const std::vector<int64_t>& indptr,
                  const hdf5::Dataset& dataset) {
  if (indptr.front() != 0) {
    throw Error(ErrorKind::kFile, "The " + dataset.describe() +
                                      " must start at 0, but starts at " +
                                      std::to_string(indptr.front()) +
                                      "; the file is damaged.");
  }
  const auto fall =
      std::adjacent_find(indptr.begin(), indptr.end(), std::greater<int64_t>());
  if (fall != indptr.end()) {
    throw Error(ErrorKind::kFile,
                "The " + dataset.describe() + " must never fall, but falls " +
                    "after cell " + std::to_string(fall - indptr.begin() + 1) +
                    "; the file is damaged.");
  }
}

std::vector<int64_t> read_indptr(const hdf5::File& file,
                                 const std::string& group, int64_t n_cells,
                                 int64_t n_features) {
  check_shape(file, group, n_cells, n_features);
  const hdf5::Dataset dataset = file.dataset(group + "/indptr");
  dataset.expect(n_cells + 1, ValueType::kInteger);
  std::vector<int64_t> indptr = dataset.integers();
  check_indptr(indptr, dataset);
  return indptr;
}

}  // namespace

Hdf5Rows::Hdf5Rows(const hdf5::File& file, const std::string& group,
                   int64_t n_cells, int64_t n_features, std::string description)
    : n_features_(n_features),
      description_(std::move(description)),
      indices_(file.dataset(group + "/indices")),
      data_(file.dataset(group + "/data")),
      indptr_(read_indptr(file, group, n_cells, n_features)),
      heads_(indptr_, indices_.chunk_length()),
      all_open_(static_cast<size_t>(n_cells), false) {
  indices_.expect(indptr_.back(), ValueType::kInteger);
  data_.expect(indptr_.back(), ValueType::kFloat);
}

std::vector<int32_t> Hdf5Rows::blocks() const {
  std::vector<int32_t> blocks;
  blocks.reserve(static_cast<size_t>(n_cells()));
  for (int64_t cell = 0; cell < n_cells(); ++cell) {
    blocks.push_back(
        static_cast<int32_t>(heads_.block_of_entry(indptr_[cell])));
  }
  return blocks;
}

// `entry`: where in the file the n indices stand.
void Hdf5Rows::check_indices(int64_t entry, const int32_t* indices,
                             int64_t n) const {
  const auto limit = static_cast<uint32_t>(n_features_);
  bool bad = false;
  for (int64_t k = 0; k < n; ++k) {
    bad |= static_cast<uint32_t>(indices[k]) >= limit;
  }
  if (!bad) return;
  const int32_t* found = std::find_if(indices, indices + n, [&](int32_t index) {
    return static_cast<uint32_t>(index) >= limit;
  });
  const auto next = std::upper_bound(indptr_.begin(), indptr_.end(),
                                     entry + (found - indices));
  throw Error(ErrorKind::kFile,
              "The " + indices_.describe() + " names feature " +
                  std::to_string(*found) + " in cell " +
                  std::to_string(next - indptr_.begin()) + ", but there are " +
                  std::to_string(n_features_) +
                  " features (counted from 0); the file is damaged.");
}

// Appends the features of the entries [begin, end) of whole cells.
void Hdf5Rows::read_indices(int64_t begin, int64_t end,
                            std::vector<int32_t>& out) {
  const BlockHeads::Plan plan = heads_.plan(begin, end);
  const auto from = static_cast<int64_t>(out.size());
  const int64_t n = plan.end - plan.begin;
  out.resize(static_cast<size_t>(from + n));
  indices_.read(plan.begin, n, out.data() + from);
  check_indices(plan.begin, out.data() + from, n);
  heads_.keep(plan.begin, out.data() + from, n);
  out.erase(out.begin() + from, out.begin() + from + (begin - plan.begin));
  if (plan.tail == nullptr) return;
  out.insert(out.end(), plan.tail->begin(), plan.tail->end());
}

void Hdf5Rows::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  RowsGuard<SparseRows> guard(out);
  const auto from = static_cast<int64_t>(out.indices.size());
  const int64_t begin = indptr_[first];
  const int64_t end = indptr_[first + count];
  read_indices(begin, end, out.indices);
  out.values.resize(out.indices.size());
  data_.read(begin, end - begin, out.values.data() + from);
  std::transform(out.values.begin() + from, out.values.end(),
                 out.values.begin() + from, whole_count);
  const int64_t base = from - begin;
  for (int64_t cell = first; cell < first + count; ++cell) {
    out.offsets.push_back(base + indptr_[cell + 1]);
    const float* values = out.values.data() + from;
    all_open_[cell] = std::all_of(values + (indptr_[cell] - begin),
                                  values + (indptr_[cell + 1] - begin),
                                  [](float value) { return value > 0; });
  }
  guard.keep();
}

// The open features of neighbouring cells, from the indices alone where that is
// known to be enough.
void Hdf5Rows::read_run(int64_t first, int64_t count, OpenRows& out) {
  const auto known = all_open_.begin() + first;
  if (std::find(known, known + count, false) == known + count) {
    const int64_t base =
        static_cast<int64_t>(out.features.size()) - indptr_[first];
    read_indices(indptr_[first], indptr_[first + count], out.features);
    for (int64_t cell = first; cell < first + count; ++cell) {
      out.offsets.push_back(base + indptr_[cell + 1]);
    }
    return;
  }
  SparseRows rows;
  read(first, count, rows);
  for (int64_t row = 0; row < count; ++row) {
    for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
      if (rows.values[at] > 0) out.features.push_back(rows.indices[at]);
    }
    out.offsets.push_back(static_cast<int64_t>(out.features.size()));
  }
}

// How many of the cells, which rise, are best read in one go.
int64_t Hdf5Rows::end_of_run(const int64_t* cells, int64_t n) const {
  int64_t end = 1;
  while (end < n &&
         indptr_[cells[end]] - indptr_[cells[end - 1] + 1] <= kMostSkipped &&
         indptr_[cells[end] + 1] - indptr_[cells[0]] <= kMostRun) {
    ++end;
  }
  return end;
}

void Hdf5Rows::read_rising(const int64_t* cells, int64_t n, OpenRows& out) {
  OpenRows run;
  for (int64_t k = 0; k < n;) {
    const int64_t end = k + end_of_run(cells + k, n - k);
    const int64_t first = cells[k];
    const int64_t count = cells[end - 1] - first + 1;
    if (count == end - k) {
      read_run(first, count, out);
      k = end;
      continue;
    }
    run.clear();
    read_run(first, count, run);
    for (; k < end; ++k) append_row(run, cells[k] - first, out);
  }
}

void Hdf5Rows::read_open(const int64_t* cells, int64_t n, OpenRows& out) {
  for (int64_t k = 0; k < n; ++k) check_block(*this, cells[k], 1);
  RowsGuard<OpenRows> guard(out);
  // Strictly rising: what read_rising takes for neighbours are neighbours.
  const bool rising =
      std::adjacent_find(cells, cells + n, std::greater_equal<int64_t>()) ==
      cells + n;
  if (rising) {
    read_rising(cells, n, out);
  } else {
    std::vector<int64_t> sorted(cells, cells + n);
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    OpenRows rows;
    read_rising(sorted.data(), static_cast<int64_t>(sorted.size()), rows);
    for (int64_t k = 0; k < n; ++k) {
      const auto at = std::lower_bound(sorted.begin(), sorted.end(), cells[k]);
      append_row(rows, at - sorted.begin(), out);
    }
  }
  guard.keep();
}

}  // namespace sailer
