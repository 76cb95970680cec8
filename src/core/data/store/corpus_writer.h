// Builds a corpus (format.h), source after source.
//
//   CorpusWriter writer(path, genes, CorpusMode::kBuild);
//   for (...) writer.append({name, source, map}, monitor);
//   writer.finish();
//
// No more than a block of cells is held. Whatever stops it - an error, the
// monitor, the process being killed - the file keeps the blocks that are whole,
// and the same calls go on behind them to the same bytes.
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
  kBuild,  // the sources are all that the file is to hold
  kAppend  // they come behind those of a finished file
};

struct CorpusInput {
  std::string name;  // of its own in the file
  CellSourcePtr source;
  FeatureMap map;  // to the genes of the corpus; several may go to one
};

struct CorpusAppended {
  int64_t n_cells = 0;   // kept, in this call or an earlier one
  int64_t left_out = 0;  // without a gene of the corpus
  double all_counts = 0;
  double kept_counts = 0;
  // Of what this call has read: tells counts from normalised values.
  int64_t n_counts = 0;
  int64_t n_fractional = 0;
  double largest = 0;
  bool was_there = false;  // nothing had to be written
  bool stopped = false;    // by the monitor
  CountProblem problem;    // of the source; what stands before it was written
};

class CorpusWriter {
 public:
  // Takes up a file that was begun with the same genes, or begins one. A torn
  // tail is cut off. All checksums are read. Throws Error(kFile) when the file
  // is not of the package, damaged, being written to, or cannot be written, and
  // Error(kArgument) when it was begun otherwise.
  CorpusWriter(const std::string& path, const packed::Genes& genes,
               CorpusMode mode, const packed::BlockLimits& limits = {});

  // The sources of a file that was begun must come again, in their order.
  CorpusAppended append(const CorpusInput& input, Monitor& monitor);

  // Until then the file is refused by whoever reads it.
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
  packed::Contents contents_;  // what the file had when it was opened
  size_t next_ = 0;            // the source that append() is to bring
};

// In how many cells each gene has a count above zero. A problem of the counts,
// or an end by the monitor, is reported, and the numbers are incomplete.
struct GeneCells {
  std::vector<int64_t> cells;
  CountProblem problem;
  bool stopped = false;
};
GeneCells count_gene_cells(CellSource& source, const FeatureMap& map,
                           int64_t n_genes, Monitor& monitor);

}  // namespace sailer
