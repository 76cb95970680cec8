#include "corpus_writer.h"

#include <algorithm>
#include <cmath>

#include "../../support/checksum.h"
#include "../../support/error.h"
#include "scan.h"

namespace sailer {

using packed::BlockMaker;
using packed::Bytes;
using packed::SectionKind;

namespace {

BlockMaker maker_of(const packed::BlockLimits& limits) {
  return {limits, Packed::kCounts, BlockMaker::Empty::kLeftOut};
}

}  // namespace

CorpusWriter::CorpusWriter(const std::string& path, const packed::Genes& genes,
                           CorpusMode mode, const packed::BlockLimits& limits)
    : file_(path, DiskFile::Use::kWrite), limits_(limits) {
  require(genes.size() > 0, "A corpus needs at least one gene.");
  take_up(path, genes, mode);
}

template <typename... Parts>
void CorpusWriter::fail_as_other(const Parts&... what) const {
  throw_error(ErrorKind::kArgument, "The corpus '", file_.path(),
              "' was started differently: ", what...,
              ". Call build_corpus() with the original arguments, or "
              "remove the file.");
}

void CorpusWriter::take_up(const std::string& path, const packed::Genes& genes,
                           CorpusMode mode) {
  packed::read_contents(file_, packed::Depth::kPayloads, contents_);
  if (!contents_.has_genes) {
    begin(genes);
    return;
  }
  if (contents_.head.version < packed::kVersion) {
    throw_error(
        ErrorKind::kFile, "The corpus '", path,
        "' was written by an earlier version of sailer: it can be read, but "
        "nothing can be added. Build it again under another name.");
  }
  const packed::Genes& known = contents_.genes;
  if (known.gene != genes.gene || known.recipe != genes.recipe) {
    fail_as_other("it has other genes (", known.size(), ", here are ",
                  genes.size(), ")");
  }
  if (mode == CorpusMode::kAppend) next_ = contents_.n_finished;
  file_.cut(contents_.whole_bytes);
}

void CorpusWriter::begin(const packed::Genes& genes) {
  contents_.head = {packed::kVersion, genes.size()};
  file_.cut(0);
  const Bytes head = packed::pack_head(contents_.head);
  file_.write(head.data(), n_of(head));
  write({SectionKind::kVocabulary}, packed::pack_genes(genes));
}

// Only blocks and source ends set more of `section` than its kind.
void CorpusWriter::write(packed::Section section, const Bytes& payload) {
  section.payload_bytes = n_of(payload);
  section.payload_checksum = checksum_of(payload.data(), payload.size());
  // Written in one piece, so that at most the last section can be torn.
  Bytes bytes = packed::pack_section(section);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  file_.write(bytes.data(), n_of(bytes));
  file_.keep();
  contents_.finished = section.kind == SectionKind::kEnd;
}

void CorpusWriter::check_mark(const packed::Source& known,
                              const packed::SourceMark& mark) const {
  if (known.mark.name != mark.name) {
    fail_as_other("its source ", next_ + 1, " is '", known.mark.name,
                  "', not '", mark.name, "'");
  }
  if (known.mark.n_cells != mark.n_cells ||
      known.mark.n_features != mark.n_features) {
    fail_as_other("the source '", mark.name, "' had ", known.mark.n_features,
                  " genes and ", known.mark.n_cells, " cells, and has ",
                  mark.n_features, " and ", mark.n_cells, " now");
  }
  if (known.mark.map_checksum != mark.map_checksum) {
    fail_as_other("the source '", mark.name, "' had other genes");
  }
}

// A source of the same shape may still hold other counts, so its last block is
// made again and compared.
void CorpusWriter::check_last_block(const packed::Source& known,
                                    const CorpusInput& input) const {
  if (known.n_blocks == 0) return;
  int64_t first = 0;
  const size_t last = known.first_block + known.n_blocks - 1;
  for (size_t k = known.first_block; k < last; ++k) {
    first += contents_.blocks[k].input_cells;
  }
  const packed::Block& block = contents_.blocks[last];
  BlockMaker maker = maker_of({block.n_cells, block.n_entries});
  bool same = true;
  for_each_block(
      *input.source, {},
      [&](const SparseRows& rows, int64_t) {
        for (int64_t row = 0; same && row < rows.n_rows(); ++row) {
          same = maker.add(rows, row, input.map);
        }
        return same;
      },
      first, first + block.input_cells);
  packed::Section section;
  maker.take(section);
  if (!same || section.payload_checksum != block.checksum) {
    fail_as_other("the source '", input.name, "' has other counts now");
  }
}

CorpusAppended CorpusWriter::append(const CorpusInput& input,
                                    Monitor& monitor) {
  CellSource& source = *input.source;
  check_feature_map(input.map, source.n_features(), contents_.head.n_genes,
                    source.describe(), Several::kMerged);
  const packed::SourceMark mark{
      input.name, source.n_cells(), source.n_features(),
      checksum_of(input.map.data(), input.map.size() * sizeof(int32_t))};
  if (next_ < contents_.sources.size()) {
    check_mark(contents_.sources[next_], mark);
    check_last_block(contents_.sources[next_], input);
  } else {
    for (const packed::Source& other : contents_.sources) {
      require(other.mark.name != mark.name, "The corpus '", file_.path(),
              "' already has a source named '", mark.name,
              "'. Give the new one another name, or leave it out.");
    }
    write({SectionKind::kSource}, packed::pack_mark(mark));
    contents_.sources.emplace_back();
    contents_.sources.back().mark = mark;
  }
  packed::Source& state = contents_.sources[next_];
  CorpusAppended result;
  result.was_there = state.whole;
  if (!state.whole) add_cells(input, monitor, state, result);
  result.n_cells = state.n_cells;
  result.left_out = state.left_out();
  result.all_counts = state.all_counts;
  result.kept_counts = state.kept_counts;
  if (state.whole) ++next_;
  return result;
}

namespace {

void note_counts(const SparseRows& rows, CorpusAppended& result) {
  float largest = 0;
  int64_t n_fractional = 0;
  for (const float count : rows.values) {
    largest = std::max(largest, count);
    n_fractional += count != std::trunc(count);
  }
  result.n_counts += n_of(rows.values);
  result.n_fractional += n_fractional;
  result.largest = std::max(result.largest, double{largest});
}

CancelCheck stop_of(Monitor& monitor, Progress& progress) {
  return [&monitor, &progress] { return !monitor.keep_going(progress); };
}

}  // namespace

// Adds the remaining cells of the source, unless something stops it.
void CorpusWriter::add_cells(const CorpusInput& input, Monitor& monitor,
                             packed::Source& state, CorpusAppended& result) {
  Progress progress;
  progress.cells_done = state.n_read;
  progress.n_cells = input.source->n_cells();
  BlockMaker maker = maker_of(limits_);
  CountChecker checker(input.source->n_features(), /*fractions=*/true);
  const auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = checker.check(rows, first);
    if (result.problem) return false;
    note_counts(rows, result);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      if (maker.add(rows, row, input.map)) continue;
      flush(maker, state);
      maker.add(rows, row, input.map);
    }
    progress.cells_done = first + rows.n_rows();
    return true;
  };
  result.stopped = !for_each_block(*input.source, stop_of(monitor, progress),
                                   visit, state.n_read, progress.n_cells);
  if (result.stopped || result.problem) return;
  if (maker.n_cells() > 0) flush(maker, state);
  packed::Section section;
  maker.take(section);  // counts cells without a gene after the last block
  section.kind = SectionKind::kSourceEnd;
  section.value_bytes = 0;
  write(section, {});
  state.add(section);
  state.whole = true;
}

void CorpusWriter::flush(packed::BlockMaker& maker, packed::Source& state) {
  packed::Section section;
  const Bytes payload = maker.take(section);
  write(section, payload);
  state.add(section);
}

void CorpusWriter::finish() {
  if (next_ < contents_.sources.size()) {
    require(contents_.sources[next_].whole, "The corpus '", file_.path(),
            "' lacks cells of '", contents_.sources[next_].mark.name, "'.");
    fail_as_other("it has ", contents_.sources.size(), " sources, of which ",
                  next_, " were given");
  }
  if (!contents_.finished) write({SectionKind::kEnd}, {});
}

GeneCells count_gene_cells(CellSource& source, const FeatureMap& map,
                           int64_t n_genes, Monitor& monitor) {
  const bool several = check_feature_map(map, source.n_features(), n_genes,
                                         source.describe(), Several::kMerged);
  GeneCells result;
  result.cells.assign(n_genes, 0);
  Progress progress;
  progress.n_cells = source.n_cells();
  CountChecker checker(source.n_features(), /*fractions=*/true);
  SparseRows open;
  const auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = checker.check(rows, first);
    if (result.problem) return false;
    open.clear();
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      append_open(rows, row, open);
    }
    map_features(map, 0, open);
    if (several) merge_features(0, open);
    for (const int32_t gene : open.indices) ++result.cells[gene];
    progress.cells_done = first + rows.n_rows();
    return true;
  };
  result.stopped = !for_each_block(source, stop_of(monitor, progress), visit);
  return result;
}

}  // namespace sailer
