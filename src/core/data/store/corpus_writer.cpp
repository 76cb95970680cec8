#include "corpus_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "../../support/checksum.h"
#include "../../support/error.h"
#include "scan.h"

namespace sailer {

using corpus::Bytes;
using corpus::SectionKind;

// The file as it is written to: one process at a time, at its end alone.
class CorpusWriter::File {
 public:
  explicit File(const std::string& path) : path_(path) {
    id_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (id_ < 0) {
      const std::string reason = reason_to_open();
      fail(reason);
    }
    // Where locks are not known (some shared disks) there is none.
    if (::flock(id_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(id_);
      fail("another process is writing to it; wait for it to end");
    }
  }
  ~File() { ::close(id_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }

  // What lies behind is lost.
  void stand_at(int64_t at) {
    if (::ftruncate(id_, static_cast<off_t>(at)) != 0) {
      fail(std::strerror(errno));
    }
    at_ = at;
  }

  void write(const Bytes& bytes) {
    const unsigned char* from = bytes.data();
    auto left = static_cast<int64_t>(bytes.size());
    while (left > 0) {
      const ssize_t n = ::pwrite(id_, from, static_cast<size_t>(left),
                                 static_cast<off_t>(at_));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail(n == 0 ? "the disk is full" : std::strerror(errno));
      from += n;
      at_ += n;
      left -= n;
    }
  }

  // Has the disk keep what was written, so that no more than the last section
  // is ever torn.
  void keep() {
    if (::fdatasync(id_) != 0) fail(std::strerror(errno));
  }

 private:
  std::string reason_to_open() const {
    const int error = errno;
    namespace fs = std::filesystem;
    std::error_code ignored;
    const fs::path folder = fs::path(path_).parent_path();
    if (error == ENOENT && !folder.empty() && !fs::exists(folder, ignored)) {
      return "there is no folder '" + folder.string() + "'; create it first";
    }
    if (error == EISDIR) {
      return "it is a folder; give the path of a file in it";
    }
    return std::strerror(error);
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(
        ErrorKind::kFile,
        "The corpus '" + path_ + "' could not be written: " + reason + ".");
  }

  std::string path_;
  int id_ = -1;
  int64_t at_ = 0;
};

CorpusWriter::CorpusWriter(const std::string& path, const corpus::Genes& genes,
                           CorpusMode mode, const corpus::BlockLimits& limits)
    : file_(std::make_unique<File>(path)), limits_(limits) {
  if (genes.size() == 0) {
    throw Error(ErrorKind::kArgument, "A corpus needs at least one gene.");
  }
  take_up(path, genes, mode);
}

CorpusWriter::~CorpusWriter() = default;

void CorpusWriter::fail_as_other(const std::string& what) const {
  throw Error(ErrorKind::kArgument,
              "The corpus '" + file_->path() +
                  "' was begun otherwise: " + what +
                  ". Call build_corpus() with the same arguments as then, or "
                  "remove the file.");
}

void CorpusWriter::take_up(const std::string& path, const corpus::Genes& genes,
                           CorpusMode mode) {
  {
    const MappedFile old(path);
    corpus::read_contents(old, corpus::Depth::kPayloads, contents_);
  }
  if (!contents_.has_genes) {
    begin(genes);
    return;
  }
  const corpus::Genes& known = contents_.genes;
  if (known.gene != genes.gene || known.recipe != genes.recipe) {
    fail_as_other("it has other genes (" + std::to_string(known.size()) +
                  ", here are " + std::to_string(genes.size()) + ")");
  }
  if (mode == CorpusMode::kAppend) next_ = contents_.n_finished;
  file_->stand_at(contents_.whole_bytes);
}

void CorpusWriter::begin(const corpus::Genes& genes) {
  contents_.head = {};
  contents_.head.n_genes = genes.size();
  file_->stand_at(0);
  file_->write(corpus::pack_head(contents_.head));
  corpus::Section section;
  section.kind = SectionKind::kVocabulary;
  write(section, corpus::pack_genes(genes));
}

// `section` needs its kind alone, but for blocks.
void CorpusWriter::write(corpus::Section section, const Bytes& payload) {
  section.payload_bytes = static_cast<int64_t>(payload.size());
  section.payload_checksum = checksum_of(payload.data(), payload.size());
  file_->write(corpus::pack_section(section));
  file_->write(payload);
  file_->keep();
  contents_.finished = section.kind == SectionKind::kEnd;
}

void CorpusWriter::check_mark(const corpus::Source& known,
                              const corpus::SourceMark& mark) const {
  if (known.mark.name != mark.name) {
    fail_as_other("its source " + std::to_string(next_ + 1) + " is '" +
                  known.mark.name + "', not '" + mark.name + "'");
  }
  if (known.mark.n_cells != mark.n_cells ||
      known.mark.n_features != mark.n_features) {
    fail_as_other("the source '" + mark.name + "' had " +
                  std::to_string(known.mark.n_features) + " genes and " +
                  std::to_string(known.mark.n_cells) + " cells, and has " +
                  std::to_string(mark.n_features) + " and " +
                  std::to_string(mark.n_cells) + " now");
  }
  if (known.mark.map_checksum != mark.map_checksum) {
    fail_as_other("the source '" + mark.name + "' had other genes");
  }
}

// A source of the same shape may still hold other counts: its last block is
// made again.
void CorpusWriter::check_last_block(const corpus::Source& known,
                                    const CorpusInput& input) const {
  if (known.n_blocks == 0) return;
  int64_t first = 0;
  const size_t last = known.first_block + known.n_blocks - 1;
  for (size_t k = known.first_block; k < last; ++k) {
    first += contents_.blocks[k].input_cells;
  }
  const corpus::Block& block = contents_.blocks[last];
  corpus::BlockMaker maker(contents_.head.index_bytes(),
                           {block.n_cells, block.n_entries});
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
  corpus::Section section;
  maker.take(section);
  if (!same || section.payload_checksum != block.checksum) {
    fail_as_other("the source '" + input.name + "' has other counts now");
  }
}

CorpusAppended CorpusWriter::append(const CorpusInput& input,
                                    Monitor& monitor) {
  CellSource& source = *input.source;
  check_feature_map(input.map, source.n_features(), contents_.head.n_genes,
                    source.describe(), Several::kMerged);
  corpus::SourceMark mark;
  mark.name = input.name;
  mark.n_cells = source.n_cells();
  mark.n_features = source.n_features();
  mark.map_checksum =
      checksum_of(input.map.data(), input.map.size() * sizeof(int32_t));
  const bool known = next_ < contents_.sources.size();
  if (known) {
    check_mark(contents_.sources[next_], mark);
    check_last_block(contents_.sources[next_], input);
  } else {
    for (const corpus::Source& other : contents_.sources) {
      if (other.mark.name != mark.name) continue;
      throw Error(ErrorKind::kArgument,
                  "The corpus '" + file_->path() +
                      "' already has a source named '" + mark.name +
                      "'. Give the new one another name, or leave it out.");
    }
    corpus::Section section;
    section.kind = SectionKind::kSource;
    write(section, corpus::pack_mark(mark));
    contents_.sources.emplace_back();
    contents_.sources.back().mark = mark;
  }
  corpus::Source& state = contents_.sources[next_];
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
  result.n_counts += static_cast<int64_t>(rows.values.size());
  result.n_fractional += n_fractional;
  result.largest = std::max(result.largest, double{largest});
}

CancelCheck stop_of(Monitor& monitor, Progress& progress) {
  return [&monitor, &progress] { return !monitor.keep_going(progress); };
}

}  // namespace

// From where the source stands to its end, unless something stops it.
void CorpusWriter::add_cells(const CorpusInput& input, Monitor& monitor,
                             corpus::Source& state, CorpusAppended& result) {
  Progress progress;
  progress.cells_done = state.n_read;
  progress.n_cells = input.source->n_cells();
  corpus::BlockMaker maker(contents_.head.index_bytes(), limits_);
  CountChecker checker(input.source->n_features(), Fractions::kAllowed);
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
  corpus::Section section;
  maker.take(section);  // cells without a gene behind the last block
  section.kind = SectionKind::kSourceEnd;
  section.value_bytes = 0;
  state.n_read += section.input_cells;
  state.all_counts += section.all_counts;
  write(section, {});
  state.whole = true;
}

void CorpusWriter::flush(corpus::BlockMaker& maker, corpus::Source& state) {
  corpus::Section section;
  const Bytes payload = maker.take(section);
  write(section, payload);
  state.n_cells += section.n_cells;
  state.n_read += section.input_cells;
  state.all_counts += section.all_counts;
  state.kept_counts += section.kept_counts;
}

void CorpusWriter::finish() {
  if (next_ < contents_.sources.size()) {
    if (!contents_.sources[next_].whole) {
      throw Error(ErrorKind::kArgument,
                  "The corpus '" + file_->path() + "' lacks cells of '" +
                      contents_.sources[next_].mark.name + "'.");
    }
    fail_as_other("it has " + std::to_string(contents_.sources.size()) +
                  " sources, of which " + std::to_string(next_) +
                  " were given");
  }
  if (contents_.finished) return;
  corpus::Section section;
  section.kind = SectionKind::kEnd;
  write(section, {});
}

GeneCells count_gene_cells(CellSource& source, const FeatureMap& map,
                           int64_t n_genes, Monitor& monitor) {
  const bool several = check_feature_map(map, source.n_features(), n_genes,
                                         source.describe(), Several::kMerged);
  GeneCells result;
  result.cells.assign(static_cast<size_t>(n_genes), 0);
  Progress progress;
  progress.n_cells = source.n_cells();
  CountChecker checker(source.n_features(), Fractions::kAllowed);
  OpenRows open;
  const auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = checker.check(rows, first);
    if (result.problem) return false;
    open.clear();
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
        if (rows.values[at] > 0) open.features.push_back(rows.indices[at]);
      }
      open.offsets.push_back(static_cast<int64_t>(open.features.size()));
    }
    map_features(map, 0, open);
    if (several) merge_features(0, open);
    for (const int32_t gene : open.features) ++result.cells[gene];
    progress.cells_done = first + rows.n_rows();
    return true;
  };
  result.stopped = !for_each_block(source, stop_of(monitor, progress), visit, 0,
                                   source.n_cells());
  return result;
}

}  // namespace sailer
