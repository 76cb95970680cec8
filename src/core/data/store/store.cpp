#include "store.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "../../support/checksum.h"
#include "../readers/block.h"
#include "bits.h"
#include "scan.h"

namespace sailer {

using packed::Block;
using packed::BlockMaker;
using packed::Bytes;

// What stores share: blocks, and the file in which they lie.
struct Store::Packed {
  DiskFile file;
  packed::Contents contents;
  std::string description;
  int64_t n_features = 0;
  bool has_counts = true;
  Bytes scratch;

  std::vector<Block>& blocks() { return contents.blocks; }

  [[noreturn]] void fail(const Block& block, const std::string& what) const {
    throw_error(ErrorKind::kFile, "The file '", file.path(),
                "' is damaged: in the block of cells ", block.first_cell + 1,
                " to ", block.first_cell + block.n_cells, ", ", what,
                ". Copy it again, or remove it and build it again.");
  }

  // The n bytes of a payload from `place` on.
  const unsigned char* bytes_of(const Block& block, int64_t place, int64_t n) {
    if (!block.memory.empty()) return block.memory.data() + place;
    const auto room = static_cast<size_t>(n + packed::kSlackBytes);
    if (scratch.size() < room) scratch.resize(room);
    file.read(block.at + place, n, scratch.data());
    return scratch.data();
  }

  Block& block_of(int64_t row) {
    const auto after = std::upper_bound(
        blocks().begin(), blocks().end(), row,
        [](int64_t r, const Block& block) { return r < block.first_cell; });
    Block& block = *(after - 1);
    if (block.entries.empty()) {
      const int64_t n = packed::bytes_of_offsets(block);
      if (!packed::read_offsets(bytes_of(block, 0, n), block)) {
        block.entries.clear();
        fail(block, "the cells do not follow each other");
      }
    }
    return block;
  }

  // Looked at once: what is read later is checked as far as it must be to be
  // used.
  void check(Block& block) {
    if (block.checked) return;
    const unsigned char* bytes = bytes_of(block, 0, block.payload_bytes);
    if (checksum_of(bytes, static_cast<size_t>(block.payload_bytes)) !=
        block.checksum) {
      fail(block, "its bytes have changed since it was written");
    }
    block.checked = true;
  }

  int64_t entries_before(int64_t row) {
    if (row >= contents.n_cells) return contents.n_entries;
    const Block& block = block_of(row);
    return block.first_entry + block.entries[row - block.first_cell];
  }

  // Appends rows of one block that follow each other.
  void read_run(Block& block, int64_t from, int64_t to, bool counts,
                SparseRows& out) {
    check(block);
    const int64_t begin = packed::place_of_features(block, from);
    const int64_t end = packed::place_of_features(block, to);
    const unsigned char* bytes =
        bytes_of(block, block.features_at + begin, end - begin);
    const int64_t base = n_of(out.indices), first = block.entries[from];
    const int64_t n = block.entries[to] - first;
    out.indices.resize(base + n);
    for (int64_t row = from; row < to; ++row) {
      if (!packed::read_features(
              block, row, bytes + packed::place_of_features(block, row) - begin,
              n_features,
              out.indices.data() + base + block.entries[row] - first)) {
        fail(block, "a cell has features that cannot be");
      }
      out.offsets.push_back(base + block.entries[row + 1] - first);
    }
    if (!counts) return;
    out.values.resize(out.indices.size());
    const int64_t width = block.value_bytes;
    if (!packed::read_values(
            width, bytes_of(block, block.values_at + first * width, n * width),
            n, out.values.data() + base)) {
      fail(block, "there is a count that is none");
    }
  }

  void read(const std::vector<int64_t>& rows, bool counts, SparseRows& out) {
    const int64_t n = n_of(rows);
    for (int64_t k = 0; k < n;) {
      Block& block = block_of(rows[k]);
      const int64_t last = block.first_cell + block.n_cells - 1;
      int64_t end = k + 1;
      while (end < n && rows[end] == rows[end - 1] + 1 && rows[end] <= last) {
        ++end;
      }
      const int64_t from = rows[k] - block.first_cell;
      read_run(block, from, from + (end - k), counts, out);
      k = end;
    }
  }
};

Store::Store(std::shared_ptr<Packed> packed)
    : packed_(std::move(packed)),
      description_(packed_->description),
      n_features_(packed_->n_features) {}

Store::Store(const std::string& path) : packed_(std::make_shared<Packed>()) {
  packed_->file = DiskFile(path, DiskFile::Use::kRead);
  if (packed_->file.size() == 0) {
    throw_error(ErrorKind::kFile, "The file '", path, "' is empty.");
  }
  packed::read_contents(packed_->file, packed::Depth::kHeads,
                        packed_->contents);
  if (!packed_->contents.finished) {
    throw_error(ErrorKind::kFile, "The corpus '", path,
                "' was not finished, or was cut short. Call build_corpus() "
                "again with the same arguments: it goes on where it stopped. A "
                "copy of a finished one must be copied again.");
  }
  n_features_ = packed_->n_features = packed_->contents.head.n_genes;
  description_ = "corpus '" + path.substr(path.find_last_of('/') + 1) + "'";
  packed_->description = description_;
}

int64_t Store::n_cells() const {
  return chosen_ ? n_of(rows_) : packed_->contents.n_cells;
}

const packed::Contents& Store::contents() const { return packed_->contents; }

bool Store::has_counts() const { return packed_->has_counts; }

int64_t Store::bytes_in_memory() const {
  int64_t bytes = 0;
  for (const Block& block : packed_->blocks()) {
    if (!block.memory.empty()) bytes += block.payload_bytes;
  }
  return bytes;
}

bool Store::check_payloads(const std::function<bool()>& cancelled) const {
  packed::Contents again;
  return packed::read_contents(packed_->file, packed::Depth::kPayloads, again,
                               cancelled);
}

int64_t Store::n_entries(int64_t first, int64_t count) const {
  if (!chosen_) {
    return packed_->entries_before(first + count) -
           packed_->entries_before(first);
  }
  int64_t n = 0;
  for (int64_t cell = first; cell < first + count; ++cell) {
    const Block& block = packed_->block_of(row_of(cell));
    const int64_t row = row_of(cell) - block.first_cell;
    n += int64_t{block.entries[row + 1]} - block.entries[row];
  }
  return n;
}

std::vector<int64_t> Store::rows_of(const int64_t* cells, int64_t n) const {
  std::vector<int64_t> rows(n);
  for (int64_t k = 0; k < n; ++k) {
    check_block(*this, cells[k], 1);
    rows[k] = row_of(cells[k]);
  }
  return rows;
}

void Store::append(const int64_t* cells, int64_t n, bool counts,
                   SparseRows& out) {
  const std::vector<int64_t> rows = rows_of(cells, n);
  const int64_t from = out.n_rows();
  RowsGuard guard(out);
  packed_->read(rows, counts, out);
  map_features(map_, from, out);
  if (merges_) merge_features(from, out);
  guard.done();
}

void Store::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  std::vector<int64_t> cells(count);
  std::iota(cells.begin(), cells.end(), first);
  read_cells(cells.data(), count, out);
}

StorePtr Store::choose(const Subset& subset) const {
  StorePtr out(new Store(*this));
  const bool merges =
      check_feature_map(subset.map, n_features_, subset.n_features,
                        description_, Several::kMerged);
  if (!subset.all_cells) {
    out->rows_ = rows_of(subset.cells.data(), n_of(subset.cells));
    out->chosen_ = true;
  }
  out->n_features_ = subset.n_features;
  out->merges_ = merges_ || merges;
  if (subset.map.empty()) return out;
  if (map_.empty()) {
    out->map_ = subset.map;
    return out;
  }
  for (int32_t& place : out->map_) {
    if (place >= 0) place = subset.map[place];
  }
  return out;
}

StoreWriter::StoreWriter(int64_t n_features, const StoreOptions& options)
    : packed_(std::make_shared<Store::Packed>()),
      options_(options),
      checker_(n_features, options.values == BlockMaker::Values::kKept
                               ? Fractions::kAllowed
                               : Fractions::kRefused),
      maker_(options.limits, options.values, BlockMaker::Empty::kKept) {
  packed_->description = options.description;
  packed_->n_features = n_features;
  packed_->has_counts = options.values == BlockMaker::Values::kKept;
  packed_->contents.head.n_genes = n_features;
}

namespace {

void check_shape(const SparseRows& rows, int64_t n_features,
                 const std::string& description) {
  if (rows.offsets.empty() || rows.offsets.front() != 0 ||
      !std::is_sorted(rows.offsets.begin(), rows.offsets.end()) ||
      rows.offsets.back() != n_of(rows.indices) ||
      rows.values.size() != rows.indices.size()) {
    throw_error(ErrorKind::kArgument, "A block of ", description,
                " is broken: its offsets, indices and values disagree.");
  }
  for (int32_t feature : rows.indices) {
    if (feature >= 0 && feature < n_features) continue;
    throw_error(ErrorKind::kData, "A block of ", description, " holds feature ",
                int64_t{feature} + 1, ", but there are ", n_features,
                " features.");
  }
}

}  // namespace

CountProblem StoreWriter::append(SparseRows rows) {
  check_shape(rows, packed_->n_features, packed_->description);
  std::transform(rows.values.begin(), rows.values.end(), rows.values.begin(),
                 whole_count);
  if (CountProblem problem = checker_.check(rows, n_cells_)) return problem;
  append_checked(rows);
  return {};
}

void StoreWriter::append_checked(const SparseRows& rows) {
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    if (maker_.add(rows, row, {})) continue;
    flush();
    maker_.add(rows, row, {});
  }
  n_cells_ += rows.n_rows();
}

void StoreWriter::flush() {
  packed::Section section;
  Bytes payload = maker_.take(section);
  Block block;
  packed::shape_block(section, 0, block);
  packed::read_offsets(payload.data(), block);
  bool in_memory =
      options_.folder.empty() ||
      bytes_in_memory_ + block.payload_bytes <= options_.memory_bytes;
  if (!in_memory) {
    DiskFile& file = packed_->file;
    if (!file.is_open()) file = DiskFile::temporary(options_.folder);
    block.at = file.end();
    in_memory =
        !file.is_open() || !file.try_write(payload.data(), block.payload_bytes);
    if (in_memory) options_.folder.clear();  // there is no room: no more of it
  }
  if (in_memory) {
    bytes_in_memory_ += block.payload_bytes;
    payload.resize(payload.size() + packed::kSlackBytes);
    payload.shrink_to_fit();
    block.memory = std::move(payload);
    block.checked = true;
  }
  packed_->contents.add(std::move(block));
}

StorePtr StoreWriter::finish(const std::vector<int64_t>& order) {
  if (maker_.n_cells() > 0) flush();
  StorePtr store(new Store(packed_));
  if (order.empty()) return store;
  store->chosen_ = true;
  store->rows_.resize(order.size());
  for (size_t row = 0; row < order.size(); ++row) {
    store->rows_[order[row]] = static_cast<int64_t>(row);
  }
  return store;
}

StorePtr store_of(const CellSourcePtr& source, const StoreOptions& options) {
  auto store = std::dynamic_pointer_cast<Store>(source);
  const bool wants_counts = options.values == BlockMaker::Values::kKept;
  if (store != nullptr && wants_counts && !store->has_counts()) return nullptr;
  return store;
}

StorePtr packed_cells(const CellSourcePtr& source, const StoreOptions& options,
                      const std::function<bool()>& cancelled) {
  if (StorePtr store = store_of(source, options)) return store;
  ScanOptions scanning;
  scanning.cancelled = cancelled;
  scanning.store = &options;
  if (options.values == BlockMaker::Values::kKept) {
    scanning.fractions = Fractions::kAllowed;
  }
  const ScanResult result = scan(source, scanning);
  if (result.problem) {
    throw_error(ErrorKind::kData, "A count of ", source->describe(),
                " in cell ", result.problem.cell + 1, " cannot be used (",
                problem_name(result.problem.kind),
                "). cell_depth() tells more.");
  }
  return result.store;
}

CellSourcePtr choose(const CellSourcePtr& source, Subset subset) {
  if (const auto store = std::dynamic_pointer_cast<Store>(source)) {
    return store->choose(subset);
  }
  return std::make_shared<SubsetSource>(source, std::move(subset));
}

}  // namespace sailer
