#include "corpus_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../../support/checksum.h"

namespace sailer::corpus {

namespace {

template <typename To, typename From>
void put_as(const std::vector<From>& values, unsigned char* place) {
  for (const From value : values) {
    const auto stored = static_cast<To>(value);
    std::memcpy(place, &stored, sizeof(To));
    place += sizeof(To);
  }
}

bool genes_rise(const std::vector<std::pair<int32_t, float>>& cell) {
  for (size_t k = 1; k < cell.size(); ++k) {
    if (cell[k].first <= cell[k - 1].first) return false;
  }
  return true;
}

}  // namespace

// The counts above zero of one row, by gene.
void BlockMaker::collect(const SparseRows& rows, int64_t row,
                         const FeatureMap& map) {
  cell_.clear();
  cell_counts_ = 0;
  for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
    const int32_t feature = rows.indices[at];
    const float count = rows.values[at];
    cell_counts_ += count;
    const int32_t gene = map.empty() ? feature : map[feature];
    if (gene >= 0 && count > 0) cell_.emplace_back(gene, count);
  }
  if (genes_rise(cell_)) return;
  std::stable_sort(
      cell_.begin(), cell_.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  size_t last = 0;
  for (size_t k = 1; k < cell_.size(); ++k) {
    if (cell_[k].first == cell_[last].first) {
      cell_[last].second += cell_[k].second;
    } else {
      cell_[++last] = cell_[k];
    }
  }
  cell_.resize(last + 1);
}

bool BlockMaker::add(const SparseRows& rows, int64_t row,
                     const FeatureMap& map) {
  collect(rows, row, map);
  const auto n_entries = static_cast<int64_t>(genes_.size() + cell_.size());
  const bool full = n_cells() >= limits_.cells || n_entries > limits_.entries;
  if (!cell_.empty() && n_cells() > 0 && full) return false;
  ++input_cells_;
  all_counts_ += cell_counts_;
  if (cell_.empty()) return true;
  for (const auto& [gene, count] : cell_) {
    genes_.push_back(gene);
    values_.push_back(count);
    kept_counts_ += count;
  }
  offsets_.push_back(static_cast<uint32_t>(genes_.size()));
  return true;
}

// The narrowest that holds all values exactly.
uint32_t BlockMaker::value_bytes() const {
  uint32_t bytes = 1;
  for (const float value : values_) {
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
  section.n_entries = static_cast<int64_t>(genes_.size());
  section.input_cells = input_cells_;
  section.all_counts = all_counts_;
  section.kept_counts = kept_counts_;
  const BlockPlaces places = places_in_block(section.n_cells, section.n_entries,
                                             index_bytes_, section.value_bytes);
  Bytes payload(static_cast<size_t>(places.bytes), 0);
  put_as<uint32_t>(offsets_, payload.data());
  if (index_bytes_ == 2) {
    put_as<uint16_t>(genes_, payload.data() + places.genes);
  } else {
    put_as<uint32_t>(genes_, payload.data() + places.genes);
  }
  unsigned char* values = payload.data() + places.values;
  if (section.value_bytes == 1) put_as<uint8_t>(values_, values);
  if (section.value_bytes == 2) put_as<uint16_t>(values_, values);
  if (section.value_bytes == 4) put_as<float>(values_, values);
  section.payload_bytes = places.bytes;
  section.payload_checksum = checksum_of(payload.data(), payload.size());
  offsets_.assign(1, 0);
  genes_.clear();
  values_.clear();
  input_cells_ = 0;
  all_counts_ = kept_counts_ = 0;
  return payload;
}

}  // namespace sailer::corpus
