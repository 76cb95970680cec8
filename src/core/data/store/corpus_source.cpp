#include "corpus_source.h"

#include <algorithm>
#include <cfloat>
#include <cstring>

#include "../readers/block.h"

namespace sailer {

namespace {

// Cells that are read together when a disk is read in pieces: some 100 to 200
// kB of genes and as much of values.
constexpr int64_t kPieceCells = 256;

template <typename Stored, typename To>
void append_as(const unsigned char* bytes, int64_t n, std::vector<To>& out) {
  const auto* values = reinterpret_cast<const Stored*>(bytes);
  out.insert(out.end(), values, values + n);
}

}  // namespace

CorpusSource::CorpusSource(const std::string& path, int64_t small_bytes)
    : file_(path), small_bytes_(small_bytes) {
  if (file_.size() == 0) {
    throw Error(ErrorKind::kFile, "The file '" + path + "' is empty.");
  }
  corpus::read_contents(file_, corpus::Depth::kHeads, contents_);
  if (!contents_.finished) {
    throw Error(ErrorKind::kFile,
                "The corpus '" + path +
                    "' was not finished, or was cut short. Call "
                    "build_corpus() again with the same arguments: it goes on "
                    "where it stopped. A copy of a finished one must be copied "
                    "again.");
  }
}

std::string CorpusSource::describe() const {
  const std::string& path = file_.path();
  return "corpus '" + path.substr(path.find_last_of('/') + 1) + "'";
}

bool CorpusSource::check_payloads(
    const std::function<bool()>& cancelled) const {
  corpus::Contents again;
  file_.check_size();
  return corpus::read_contents(file_, corpus::Depth::kPayloads, again,
                               cancelled);
}

void CorpusSource::fail(const corpus::Block& block,
                        const std::string& what) const {
  throw Error(ErrorKind::kFile,
              "The file '" + file_.path() + "' is damaged: in the block of " +
                  "cells " + std::to_string(block.first_cell + 1) + " to " +
                  std::to_string(block.first_cell + block.n_cells) + ", " +
                  what + ". Copy it again, or remove it and build it again.");
}

const corpus::Block& CorpusSource::block_of(int64_t cell) const {
  const auto after = std::upper_bound(
      contents_.blocks.begin(), contents_.blocks.end(), cell,
      [](int64_t c, const corpus::Block& b) { return c < b.first_cell; });
  return *(after - 1);
}

// Of the cells [from, to) of a block. Checked again: the file may have been
// written to since it was opened.
CorpusSource::Place CorpusSource::place_of(const corpus::Block& block,
                                           int64_t from, int64_t to) const {
  const auto* offsets =
      reinterpret_cast<const uint32_t*>(file_.bytes() + block.at);
  const int64_t begin = offsets[from], end = offsets[to];
  if (begin > end || end > block.n_entries) {
    fail(block, "the cells do not follow each other");
  }
  return {&block, begin, end};
}

int64_t CorpusSource::entries_before(int64_t cell) const {
  if (cell >= contents_.n_cells) return contents_.n_entries;
  const corpus::Block& block = block_of(cell);
  const int64_t row = cell - block.first_cell;
  return block.first_entry + place_of(block, row, row).begin;
}

int64_t CorpusSource::n_entries(int64_t first, int64_t count) const {
  return entries_before(first + count) - entries_before(first);
}

std::vector<int32_t> CorpusSource::blocks() const {
  std::vector<int32_t> pieces;
  if (random_access()) return pieces;
  pieces.reserve(static_cast<size_t>(n_cells()));
  int32_t piece = 0;
  for (const corpus::Block& block : contents_.blocks) {
    for (int64_t row = 0; row < block.n_cells; ++row) {
      if (row > 0 && row % kPieceCells == 0) ++piece;
      pieces.push_back(piece);
    }
    ++piece;
  }
  return pieces;
}

// In range, and rising within the cell.
void CorpusSource::check_genes(const corpus::Block& block, const int32_t* genes,
                               int64_t n) const {
  const auto n_genes = static_cast<int32_t>(n_features());
  bool fit = n == 0 || (genes[0] >= 0 && genes[n - 1] < n_genes);
  for (int64_t k = 1; k < n; ++k) fit &= genes[k - 1] < genes[k];
  if (!fit) fail(block, "a cell has genes that are not of the vocabulary");
}

void CorpusSource::append_genes(const Place& place,
                                std::vector<int32_t>& out) const {
  const int64_t width = contents_.head.index_bytes();
  const unsigned char* bytes = file_.bytes() + place.block->at +
                               place.block->places.genes + place.begin * width;
  if (width == 2) {
    append_as<uint16_t>(bytes, place.end - place.begin, out);
  } else {
    append_as<int32_t>(bytes, place.end - place.begin, out);
  }
}

void CorpusSource::append_values(const Place& place,
                                 std::vector<float>& out) const {
  const int64_t n = place.end - place.begin;
  const int64_t width = place.block->value_bytes;
  const unsigned char* bytes = file_.bytes() + place.block->at +
                               place.block->places.values + place.begin * width;
  if (width == 1) append_as<uint8_t>(bytes, n, out);
  if (width == 2) append_as<uint16_t>(bytes, n, out);
  if (width == 4) append_as<float>(bytes, n, out);
  bool fit = true;
  const float* values = out.data() + out.size() - n;
  for (int64_t k = 0; k < n; ++k) fit &= values[k] > 0 && values[k] <= FLT_MAX;
  if (!fit) fail(*place.block, "there is a count that is none");
}

void CorpusSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  file_.check_size();
  RowsGuard<SparseRows> guard(out);
  const int64_t end = first + count;
  while (first < end) {
    const corpus::Block& block = block_of(first);
    const int64_t from = first - block.first_cell;
    const int64_t to = std::min(block.n_cells, end - block.first_cell);
    const auto base = static_cast<int64_t>(out.indices.size());
    const Place place = place_of(block, from, to);
    append_genes(place, out.indices);
    append_values(place, out.values);
    for (int64_t row = from; row < to; ++row) {
      const Place cell = place_of(block, row, row + 1);
      if (cell.begin < place.begin || cell.end > place.end) {
        fail(block, "the cells do not follow each other");
      }
      check_genes(block, out.indices.data() + base + cell.begin - place.begin,
                  cell.end - cell.begin);
      out.offsets.push_back(base + cell.end - place.begin);
    }
    first += to - from;
  }
  guard.keep();
}

void CorpusSource::read_open(const int64_t* cells, int64_t n, OpenRows& out) {
  file_.check_size();
  RowsGuard<OpenRows> guard(out);
  for (int64_t k = 0; k < n; ++k) {
    check_block(*this, cells[k], 1);
    const corpus::Block& block = block_of(cells[k]);
    const int64_t row = cells[k] - block.first_cell;
    const Place place = place_of(block, row, row + 1);
    const auto base = static_cast<int64_t>(out.features.size());
    append_genes(place, out.features);
    check_genes(block, out.features.data() + base, place.end - place.begin);
    out.offsets.push_back(static_cast<int64_t>(out.features.size()));
  }
  guard.keep();
}

}  // namespace sailer
