#include "block.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "../../support/checksum.h"
#include "bits.h"

namespace sailer::packed {

bool shape_block(const Section& section, int64_t index_bytes, Block& block) {
  const int64_t width = section.value_bytes;
  const int64_t most = section.payload_bytes;
  const bool in_range = section.n_cells > 0 && section.n_cells <= most &&
                        section.n_entries >= 0 &&
                        section.n_entries <= most * 32 &&
                        section.n_entries <= UINT32_MAX &&
                        (width == 0 || width == 1 || width == 2 || width == 4);
  if (!in_range) return false;
  block.n_cells = section.n_cells;
  block.n_entries = section.n_entries;
  block.value_bytes = width;
  block.index_bytes = index_bytes;
  block.payload_bytes = section.payload_bytes;
  block.input_cells = section.input_cells;
  block.checksum = section.payload_checksum;
  block.features_at = padded(bytes_of_offsets(block));
  block.values_at = section.payload_bytes - padded(section.n_entries * width);
  if (index_bytes == 0) return block.values_at >= block.features_at;
  return block.values_at ==
         block.features_at + padded(section.n_entries * index_bytes);
}

int64_t bytes_of_offsets(const Block& block) {
  return (block.n_cells + 1) * (block.index_bytes == 0 ? 8 : 4);
}

namespace {

// Numbers that rise from 0 to `last`.
bool take_rising(const unsigned char* bytes, int64_t n, int64_t last,
                 std::vector<uint32_t>& out) {
  out.resize(static_cast<size_t>(n));
  std::memcpy(out.data(), bytes, out.size() * sizeof(uint32_t));
  return out.front() == 0 && static_cast<int64_t>(out.back()) == last &&
         std::is_sorted(out.begin(), out.end());
}

}  // namespace

bool read_offsets(const unsigned char* bytes, Block& block) {
  const int64_t n = block.n_cells + 1;
  if (!take_rising(bytes, n, block.n_entries, block.entries)) return false;
  if (block.index_bytes > 0) return true;
  const int64_t room = block.values_at - block.features_at;
  uint32_t last = 0;
  std::memcpy(&last, bytes + (2 * n - 1) * 4, 4);
  return padded(last) == room &&
         take_rising(bytes + n * 4, n, last, block.places);
}

int64_t place_of_features(const Block& block, int64_t row) {
  if (block.index_bytes == 0) return block.places[row];
  return block.entries[row] * block.index_bytes;
}

namespace {

// Of version 1.
template <typename Stored>
bool read_plain(const unsigned char* bytes, int64_t n, int64_t limit,
                int32_t* out) {
  int64_t last = -1;
  bool rise = true;
  for (int64_t k = 0; k < n; ++k) {
    Stored stored;
    std::memcpy(&stored, bytes + k * static_cast<int64_t>(sizeof(Stored)),
                sizeof(Stored));
    rise &= int64_t{stored} > last;
    last = int64_t{stored};
    out[k] = static_cast<int32_t>(stored);
  }
  return rise && last < limit;
}

template <typename Stored>
void copy_as_float(const unsigned char* bytes, int64_t n, float* out) {
  for (int64_t k = 0; k < n; ++k) {
    Stored stored;
    std::memcpy(&stored, bytes + k * static_cast<int64_t>(sizeof(Stored)),
                sizeof(Stored));
    out[k] = static_cast<float>(stored);
  }
}

}  // namespace

bool read_features(const Block& block, int64_t row, const unsigned char* bytes,
                   int64_t limit, int32_t* out) {
  const int64_t n = int64_t{block.entries[row + 1]} - block.entries[row];
  if (block.index_bytes == 2) return read_plain<uint16_t>(bytes, n, limit, out);
  if (block.index_bytes == 4) return read_plain<uint32_t>(bytes, n, limit, out);
  return unpack_rising(bytes, block.places[row + 1] - block.places[row], n,
                       limit, out);
}

bool read_values(int64_t value_bytes, const unsigned char* bytes, int64_t n,
                 float* out) {
  if (value_bytes == 0) std::fill(out, out + n, 1.0f);
  if (value_bytes == 1) copy_as_float<uint8_t>(bytes, n, out);
  if (value_bytes == 2) copy_as_float<uint16_t>(bytes, n, out);
  if (value_bytes == 4) copy_as_float<float>(bytes, n, out);
  bool fit = true;
  for (int64_t k = 0; k < n; ++k) fit &= out[k] > 0 && out[k] <= FLT_MAX;
  return fit;
}

// The counts above zero of one row, behind those of the cells before.
void BlockMaker::collect(const SparseRows& rows, int64_t row,
                         const FeatureMap& map) {
  const int64_t begin = rows.offsets[row], end = rows.offsets[row + 1];
  const size_t from = features_.size();
  features_.resize(from + static_cast<size_t>(end - begin));
  values_.resize(features_.size());
  int32_t* feature = features_.data() + from;
  float* value = values_.data() + from;
  cell_counts_ = 0;
  for (int64_t at = begin; at < end; ++at) {
    const float count = rows.values[at];
    cell_counts_ += count;
    const int32_t to = map.empty() ? rows.indices[at] : map[rows.indices[at]];
    *feature = to;
    *value = count;
    const bool kept = to >= 0 && count > 0;
    feature += kept;
    value += kept;
  }
  features_.resize(static_cast<size_t>(feature - features_.data()));
  values_.resize(features_.size());
  const auto first = features_.begin() + static_cast<std::ptrdiff_t>(from);
  if (std::adjacent_find(first, features_.end(),
                         std::greater_equal<int32_t>()) != features_.end()) {
    sort_from(from);
  }
}

void BlockMaker::sort_from(size_t from) {
  cell_.clear();
  for (size_t k = from; k < features_.size(); ++k) {
    cell_.emplace_back(features_[k], values_[k]);
  }
  std::stable_sort(
      cell_.begin(), cell_.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  features_.resize(from);
  values_.resize(from);
  for (const auto& [feature, value] : cell_) {
    if (features_.size() > from && features_.back() == feature) {
      values_.back() += value;
      continue;
    }
    features_.push_back(feature);
    values_.push_back(value);
  }
}

bool BlockMaker::add(const SparseRows& rows, int64_t row,
                     const FeatureMap& map) {
  const size_t from = features_.size();
  collect(rows, row, map);
  const bool empty = features_.size() == from;
  const bool full = n_cells() >= limits_.cells ||
                    static_cast<int64_t>(features_.size()) > limits_.entries;
  const bool left_out = empty && empty_ == Empty::kLeftOut;
  if (!left_out && n_cells() > 0 && full) {
    features_.resize(from);
    values_.resize(from);
    return false;
  }
  ++input_cells_;
  all_counts_ += cell_counts_;
  if (left_out) return true;
  for (size_t k = from; k < values_.size(); ++k) kept_counts_ += values_[k];
  offsets_.push_back(static_cast<uint32_t>(features_.size()));
  return true;
}

// The narrowest that holds all values exactly.
uint32_t BlockMaker::value_bytes() const {
  if (values_kept_ == Values::kNone) return 0;
  uint32_t bytes = 1;
  for (const float value : values_) {
    if (value > 65535 || value != std::trunc(value)) return 4;
    if (value > 255) bytes = 2;
  }
  return bytes;
}

namespace {

void pad(Bytes& out) {
  out.resize(static_cast<size_t>(padded(static_cast<int64_t>(out.size()))));
}

template <typename To>
void put_values(const std::vector<float>& values, Bytes& out) {
  size_t at = out.size();
  out.resize(at + values.size() * sizeof(To));
  for (const float value : values) {
    const auto stored = static_cast<To>(value);
    std::memcpy(out.data() + at, &stored, sizeof(To));
    at += sizeof(To);
  }
}

}  // namespace

Bytes BlockMaker::take(Section& section) {
  section = {};
  section.kind = SectionKind::kBlock;
  section.value_bytes = value_bytes();
  section.n_cells = n_cells();
  section.n_entries = static_cast<int64_t>(features_.size());
  section.input_cells = input_cells_;
  section.all_counts = all_counts_;
  section.kept_counts = kept_counts_;
  const size_t n_offset_bytes = offsets_.size() * sizeof(uint32_t);
  Bytes payload;
  payload.reserve(2 * n_offset_bytes +
                  features_.size() * (2 + section.value_bytes));
  payload.resize(2 * n_offset_bytes);
  std::memcpy(payload.data(), offsets_.data(), n_offset_bytes);
  for (size_t row = 0; row + 1 < offsets_.size(); ++row) {
    pack_rising(features_.data() + offsets_[row],
                int64_t{offsets_[row + 1]} - offsets_[row], payload);
    const auto place =
        static_cast<uint32_t>(payload.size() - 2 * n_offset_bytes);
    std::memcpy(payload.data() + n_offset_bytes + (row + 1) * sizeof(uint32_t),
                &place, sizeof(place));
  }
  pad(payload);
  if (section.value_bytes == 1) put_values<uint8_t>(values_, payload);
  if (section.value_bytes == 2) put_values<uint16_t>(values_, payload);
  if (section.value_bytes == 4) put_values<float>(values_, payload);
  pad(payload);
  section.payload_bytes = static_cast<int64_t>(payload.size());
  section.payload_checksum = checksum_of(payload.data(), payload.size());
  offsets_.assign(1, 0);
  features_.clear();
  values_.clear();
  input_cells_ = 0;
  all_counts_ = kept_counts_ = 0;
  return payload;
}

}  // namespace sailer::packed
