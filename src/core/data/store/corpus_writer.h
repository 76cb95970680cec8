// Builds a corpus (format.h), one source after another.
//
//   CorpusWriter writer(path, genes, CorpusMode::kBuild);
//   for (...) writer.append({name, source, map}, monitor);
//   writer.finish();
//
// Holds no more than a block of cells. If it is stopped by an error, by the
// monitor or because the process is killed, the file keeps its complete blocks,
// and the same calls resume after them and produce the same bytes.
#pragma once

#include <string>

#include "../../support/monitor.h"
#include "../feature_map.h"
#include "../readers/cell_source.h"
#include "../readers/count_check.h"
#include "block.h"
#include "contents.h"

namespace sailer {

enum class CorpusMode {
  kBuild,  // the sources are all that the file will hold
  kAppend  // the sources are added after those of a finished file
};

struct CorpusInput {
  std::string name;  // unique in the file
  CellSourcePtr source;
  FeatureMap map;  // to the genes of the corpus; several may map to one
};

struct CorpusAppended {
  int64_t n_cells = 0;   // kept, in this call or an earlier one
  int64_t left_out = 0;  // without a gene of the corpus
  double all_counts = 0;
  double kept_counts = 0;
  // Of the counts this call has read, to tell counts from normalised values.
  int64_t n_counts = 0;
  int64_t n_fractional = 0;
  double largest = 0;
  bool was_there = false;  // already complete; nothing was written
  bool stopped = false;    // by the monitor
  CountProblem problem;    // in the source; complete blocks before it were kept
};

class CorpusWriter {
 public:
  // Resumes a file that was begun with the same genes, or begins a new one.
  // Removes a torn tail. Verifies all checksums. Throws Error(kFile) if the
  // file is foreign, of another version, damaged, being written to, or cannot
  // be written, and Error(kArgument) if its genes or recipe are different.
  CorpusWriter(const std::string& path, const packed::Genes& genes,
               CorpusMode mode, const packed::BlockLimits& limits = {});

  // Sources that the file already has (with kAppend, those after its last end)
  // must be given again, in the same order.
  CorpusAppended append(const CorpusInput& input, Monitor& monitor);

  // Marks the file as finished. Until then readers reject it.
  void finish();

 private:
  void begin(const packed::Genes& genes);
  void take_up(const std::string& path, const packed::Genes& genes,
               CorpusMode mode);
  void write(packed::Section section, const packed::Bytes& payload);
  void check_mark(const packed::Source& known,
                  const packed::SourceMark& mark) const;
  void check_last_block(const packed::Source& known,
                        const CorpusInput& input) const;
  void add_cells(const CorpusInput& input, Monitor& monitor,
                 packed::Source& state, CorpusAppended& result);
  void flush(packed::BlockMaker& maker, packed::Source& state);
  template <typename... Parts>
  [[noreturn]] void fail_as_other(const Parts&... what) const;

  DiskFile file_;
  packed::BlockLimits limits_;
  packed::Contents contents_;  // of the file, without blocks added since
  size_t next_ = 0;            // index of the source that append() expects
};

// The number of cells in which each gene has a count above zero. Incomplete if
// there was a problem with a count or the monitor stopped the pass.
struct GeneCells {
  std::vector<int64_t> cells;
  CountProblem problem;
  bool stopped = false;
};
GeneCells count_gene_cells(CellSource& source, const FeatureMap& map,
                           int64_t n_genes, Monitor& monitor);

}  // namespace sailer
