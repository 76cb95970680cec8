#include "store.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "../../support/checksum.h"
#include "scan.h"

namespace sailer {

using packed::Block;
using packed::BlockMaker;
using packed::Bytes;

Store::Store(const std::string& path)
    : file_(path, DiskFile::Use::kRead),
      description_("corpus '" + path.substr(path.find_last_of('/') + 1) + "'") {
  if (file_.size() == 0) {
    throw_file_error(path, "is empty");
  }
  packed::read_contents(file_, packed::Depth::kHeads, contents_);
  if (contents_.finished) return;
  throw_error(ErrorKind::kFile, "The corpus '", path,
              "' was not finished, or was cut short. Call build_corpus() "
              "again with the same arguments: it continues where it stopped. A "
              "copy of a finished one must be copied again.");
}

void Store::fail(const Block& block, const std::string& what) const {
  throw_file_error(file_.path(), "is damaged: in the block of cells ",
                   block.first_cell + 1, " to ",
                   block.first_cell + block.n_cells, ", ", what,
                   ". Copy it again, or remove it and build it again");
}

// Returns the n bytes of a payload from `place` on, valid until the next call.
const unsigned char* Store::bytes_of(const Block& block, int64_t place,
                                     int64_t n) const {
  if (!block.memory.empty()) return block.memory.data() + place;
  const auto room = static_cast<size_t>(n + packed::kSlackBytes);
  if (scratch_.size() < room) scratch_.resize(room);
  file_.read(block.at + place, n, scratch_.data());
  return scratch_.data();
}

Block& Store::block_of(int64_t cell) const {
  const auto after = std::upper_bound(
      contents_.blocks.begin(), contents_.blocks.end(), cell,
      [](int64_t c, const Block& block) { return c < block.first_cell; });
  Block& block = *(after - 1);
  if (!block.entries.empty()) return block;
  const int64_t n = packed::bytes_of_offsets(block);
  if (!packed::read_offsets(bytes_of(block, 0, n), block)) {
    block.entries.clear();
    fail(block, "the offsets of the cells are inconsistent");
  }
  return block;
}

// Verifies the checksum, once per block. Later reads only check what is needed
// to use the data safely.
void Store::check(Block& block) const {
  if (block.checked) return;
  const unsigned char* bytes = bytes_of(block, 0, block.payload_bytes);
  if (checksum_of(bytes, static_cast<size_t>(block.payload_bytes)) !=
      block.checksum) {
    fail(block, "its bytes have changed since it was written");
  }
  block.checked = true;
}

int64_t Store::entries_before(int64_t cell) const {
  if (cell >= contents_.n_cells) return contents_.n_entries;
  const Block& block = block_of(cell);
  return block.first_entry + block.entries[cell - block.first_cell];
}

int64_t Store::n_entries(int64_t first, int64_t count) const {
  return entries_before(first + count) - entries_before(first);
}

int64_t Store::bytes_in_memory() const {
  int64_t bytes = 0;
  for (const Block& block : contents_.blocks) {
    if (!block.memory.empty()) bytes += block.payload_bytes;
  }
  return bytes;
}

bool Store::check_payloads(const std::function<bool()>& cancelled) const {
  packed::Contents again;
  return packed::read_contents(file_, packed::Depth::kPayloads, again,
                               cancelled);
}

// Appends consecutive cells of one block.
void Store::append_run(Block& block, int64_t from, int64_t to, bool counts,
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
            n_features(),
            out.indices.data() + base + block.entries[row] - first)) {
      fail(block, "a cell has impossible features");
    }
    out.offsets.push_back(base + block.entries[row + 1] - first);
  }
  if (!counts) return;
  out.values.resize(out.indices.size());
  const int64_t width = block.value_bytes;
  if (!packed::read_values(
          width, bytes_of(block, block.values_at + first * width, n * width), n,
          out.values.data() + base)) {
    fail(block, "there is an impossible count");
  }
}

void Store::append_cells(const int64_t* cells, int64_t n, bool counts,
                         SparseRows& out) {
  for (int64_t k = 0; k < n;) {
    Block& block = block_of(cells[k]);
    const int64_t last = block.first_cell + block.n_cells - 1;
    int64_t end = k + 1;
    while (end < n && cells[end] == cells[end - 1] + 1 && cells[end] <= last) {
      ++end;
    }
    const int64_t from = cells[k] - block.first_cell;
    append_run(block, from, from + (end - k), counts, out);
    k = end;
  }
}

void Store::append(int64_t first, int64_t count, SparseRows& out) {
  std::vector<int64_t> cells(count);
  std::iota(cells.begin(), cells.end(), first);
  append_cells(cells.data(), count, /*counts=*/true, out);
}

StoreWriter::StoreWriter(int64_t n_features, const StoreOptions& options)
    : store_(new Store()),
      options_(options),
      checker_(n_features, options.values == Packed::kCounts),
      maker_(options.limits, options.values, BlockMaker::Empty::kKept) {
  store_->description_ = options.description;
  store_->contents_.head.n_genes = n_features;
  store_->packed_ = options.values;
}

namespace {

void check_shape(const SparseRows& rows, int64_t n_features,
                 const std::string& description) {
  require(!rows.offsets.empty() && rows.offsets.front() == 0 &&
              std::is_sorted(rows.offsets.begin(), rows.offsets.end()) &&
              rows.offsets.back() == n_of(rows.indices) &&
              rows.values.size() == rows.indices.size(),
          "A block of ", description,
          " is broken: its offsets, indices and values disagree.");
  for (int32_t feature : rows.indices) {
    if (feature >= 0 && feature < n_features) continue;
    throw_error(ErrorKind::kData, "A block of ", description, " holds feature ",
                int64_t{feature} + 1, ", but there are ", n_features,
                " features.");
  }
}

}  // namespace

CountProblem StoreWriter::append(SparseRows rows) {
  check_shape(rows, store_->n_features(), options_.description);
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
    DiskFile& file = store_->file_;
    if (!file.is_open()) file = DiskFile::temporary(options_.folder);
    block.at = file.end();
    in_memory =
        !file.is_open() || !file.try_write(payload.data(), block.payload_bytes);
    if (in_memory) options_.folder.clear();  // no space: do not try it again
  }
  if (in_memory) {
    bytes_in_memory_ += block.payload_bytes;
    payload.resize(payload.size() + packed::kSlackBytes);
    payload.shrink_to_fit();
    block.memory = std::move(payload);
    block.checked = true;
  }
  store_->contents_.add(std::move(block));
}

StorePtr StoreWriter::finish() {
  if (maker_.n_cells() > 0) flush();
  return store_;
}

CellSourcePtr store_of(const CellSourcePtr& source,
                       const StoreOptions& options) {
  return source->packed() >= options.values ? source : nullptr;
}

CellSourcePtr packed_cells(const CellSourcePtr& source,
                           const StoreOptions& options,
                           const std::function<bool()>& cancelled) {
  if (CellSourcePtr store = store_of(source, options)) return store;
  ScanOptions scanning;
  scanning.cancelled = cancelled;
  scanning.store = &options;
  scanning.fractions = options.values == Packed::kCounts;
  const ScanResult result = scan(source, scanning);
  if (result.problem) {
    throw_error(ErrorKind::kData, "A count of ", source->describe(),
                " in cell ", result.problem.cell + 1, " cannot be used (",
                problem_name(result.problem.kind),
                "). See cell_depth() for details.");
  }
  return result.store;
}

}  // namespace sailer
