#include "block.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <utility>

#include "../../support/checksum.h"

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

// Reads n offsets. Returns false unless they ascend from 0 to `last`.
bool take_rising(const unsigned char* bytes, int64_t n, int64_t last,
                 std::vector<uint32_t>& out) {
  out.resize(n);
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

template <typename Stored>
Stored stored_at(const unsigned char* bytes, int64_t k) {
  Stored stored;
  std::memcpy(&stored, bytes + k * int64_t{sizeof(Stored)}, sizeof(Stored));
  return stored;
}

// Reads features as version 1 stores them.
template <typename Stored>
bool read_plain(const unsigned char* bytes, int64_t n, int64_t limit,
                int32_t* out) {
  int64_t last = -1;
  bool rise = true;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t feature = stored_at<Stored>(bytes, k);
    rise &= feature > last;
    last = feature;
    out[k] = static_cast<int32_t>(feature);
  }
  return rise && last < limit;
}

// Calls visit() with a value of the type that has this width, if there is one.
template <typename Visit>
void with_type(int64_t value_bytes, const Visit& visit) {
  if (value_bytes == 1) visit(uint8_t{});
  if (value_bytes == 2) visit(uint16_t{});
  if (value_bytes == 4) visit(float{});
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
  with_type(value_bytes, [&](auto type) {
    for (int64_t k = 0; k < n; ++k) {
      out[k] = static_cast<float>(stored_at<decltype(type)>(bytes, k));
    }
  });
  bool fit = true;
  for (int64_t k = 0; k < n; ++k) fit &= out[k] > 0 && out[k] <= FLT_MAX;
  return fit;
}

bool BlockMaker::add(const SparseRows& rows, int64_t row,
                     const FeatureMap& map) {
  const int64_t begin = rows.offsets[row], end = rows.offsets[row + 1];
  const int64_t from = rows_.offsets.back();
  rows_.indices.resize(from + end - begin);
  rows_.values.resize(rows_.indices.size());
  int64_t to = from;
  double counts = 0;
  for (int64_t at = begin; at < end; ++at) {
    const float count = rows.values[at];
    counts += count;
    const int32_t feature = rows.indices[at];
    const int32_t place = map.empty() ? feature : map[feature];
    rows_.indices[to] = place;
    rows_.values[to] = count;
    to += place >= 0 && count > 0;
  }
  rows_.indices.resize(to);
  rows_.values.resize(to);
  rows_.offsets.push_back(to);
  if (std::adjacent_find(rows_.indices.begin() + from, rows_.indices.end(),
                         std::greater_equal<>()) != rows_.indices.end()) {
    merge_features(n_cells() - 1, rows_);
    to = rows_.offsets.back();
  }
  const bool full = n_cells() > limits_.cells || to > limits_.entries;
  const bool left_out = to == from && empty_ == Empty::kLeftOut;
  if (left_out || (n_cells() > 1 && full)) {
    rows_.offsets.pop_back();
    rows_.indices.resize(from);
    rows_.values.resize(from);
    if (!left_out) return false;
  }
  ++input_cells_;
  all_counts_ += counts;
  for (int64_t k = from; k < n_of(rows_.values); ++k) {
    kept_counts_ += rows_.values[k];
  }
  return true;
}

// Returns the smallest width that holds all values exactly.
uint32_t BlockMaker::value_bytes() const {
  if (values_ == Packed::kOpen) return 0;
  uint32_t bytes = 1;
  for (const float value : rows_.values) {
    if (value > 65535 || value != std::trunc(value)) return 4;
    if (value > 255) bytes = 2;
  }
  return bytes;
}

Bytes BlockMaker::take(Section& section) {
  section = {};
  section.kind = SectionKind::kBlock;
  section.value_bytes = value_bytes();
  section.n_cells = n_cells();
  section.n_entries = n_of(rows_.indices);
  section.input_cells = input_cells_;
  section.all_counts = all_counts_;
  section.kept_counts = kept_counts_;
  const std::vector<int64_t>& offsets = rows_.offsets;
  const size_t n_offsets = offsets.size(), n_bytes = 2 * n_offsets * 4;
  Bytes payload;
  payload.reserve(n_bytes + rows_.indices.size() * (2 + section.value_bytes));
  payload.resize(n_bytes);
  const auto put_offset = [&](size_t place, size_t value) {
    const auto stored = static_cast<uint32_t>(value);
    std::memcpy(payload.data() + place * 4, &stored, 4);
  };
  for (size_t row = 0; row + 1 < n_offsets; ++row) {
    pack_rising(rows_.indices.data() + offsets[row],
                offsets[row + 1] - offsets[row], payload);
    put_offset(row + 1, offsets[row + 1]);
    put_offset(n_offsets + row + 1, payload.size() - n_bytes);
  }
  pad(payload);
  with_type(section.value_bytes, [&](auto type) {
    size_t at = payload.size();
    payload.resize(at + rows_.values.size() * sizeof type);
    for (const float value : rows_.values) {
      const auto stored = static_cast<decltype(type)>(value);
      std::memcpy(payload.data() + at, &stored, sizeof stored);
      at += sizeof stored;
    }
  });
  pad(payload);
  section.payload_bytes = n_of(payload);
  section.payload_checksum = checksum_of(payload.data(), payload.size());
  rows_.clear();
  input_cells_ = 0;
  all_counts_ = kept_counts_ = 0;
  return payload;
}

namespace {

constexpr int64_t kGroup = 32;

int64_t bits_of(uint32_t number) {
  int64_t bits = 0;
  for (; number != 0; number >>= 1) ++bits;
  return bits;
}

int64_t bytes_of_group(int64_t n, int64_t width) { return (n * width + 7) / 8; }

// Unpacks a group of numbers of a width known at compile time, so that shifts
// and offsets become constants.
template <int kWidth>
int64_t unpack_group(const unsigned char* bytes, int64_t n, int64_t last,
                     int32_t* out) {
  constexpr uint64_t kMask = (uint64_t{1} << kWidth) - 1;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t bit = k * kWidth;
    uint64_t word;
    std::memcpy(&word, bytes + bit / 8, 8);
    last += 1 + static_cast<int64_t>((word >> (bit % 8)) & kMask);
    out[k] = static_cast<int32_t>(last);
  }
  return last;
}

using UnpackGroup = int64_t (*)(const unsigned char*, int64_t, int64_t,
                                int32_t*);

template <int... kWidths>
constexpr std::array<UnpackGroup, sizeof...(kWidths)> of_widths(
    std::integer_sequence<int, kWidths...>) {
  return {unpack_group<kWidths>...};
}

constexpr auto kUnpack = of_widths(std::make_integer_sequence<int, 32>());

}  // namespace

void pack_rising(const int32_t* numbers, int64_t n,
                 std::vector<unsigned char>& out) {
  uint32_t steps[kGroup];
  int64_t last = -1;
  for (int64_t first = 0; first < n; first += kGroup) {
    const int64_t m = std::min(kGroup, n - first);
    uint32_t any = 0;
    for (int64_t k = 0; k < m; ++k) {
      steps[k] = static_cast<uint32_t>(numbers[first + k] - last - 1);
      any |= steps[k];
      last = numbers[first + k];
    }
    const int64_t width = bits_of(any);
    out.push_back(static_cast<unsigned char>(width));
    const size_t at = out.size();
    out.resize(at + static_cast<size_t>(bytes_of_group(m, width)));
    unsigned char* to = out.data() + at;
    uint64_t held = 0;  // bits that do not fill a byte yet
    int64_t n_held = 0;
    for (int64_t k = 0; k < m; ++k) {
      held |= uint64_t{steps[k]} << n_held;
      for (n_held += width; n_held >= 8; n_held -= 8, held >>= 8) {
        *to++ = static_cast<unsigned char>(held);
      }
    }
    if (n_held > 0) *to = static_cast<unsigned char>(held);
  }
}

bool unpack_rising(const unsigned char* bytes, int64_t n_bytes, int64_t n,
                   int64_t limit, int32_t* out) {
  const unsigned char* const end = bytes + n_bytes;
  int64_t last = -1;
  for (int64_t first = 0; first < n; first += kGroup) {
    if (bytes >= end) return false;
    const int64_t m = std::min(kGroup, n - first);
    const int64_t width = *bytes++;
    if (width > 31 || bytes_of_group(m, width) > end - bytes) return false;
    last = kUnpack[width](bytes, m, last, out + first);
    bytes += bytes_of_group(m, width);
  }
  // Every step is positive, so the last number is the largest. Fewer than 2^32
  // steps of at most 2^31 cannot overflow 64 bits.
  return bytes == end && last < limit;
}

}  // namespace sailer::packed
