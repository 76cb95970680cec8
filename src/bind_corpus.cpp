// Bindings for corpora: cells of many sources in one file.

#include <Rcpp.h>

#include <utility>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "core/data/store/corpus_writer.h"
#include "core/data/store/store.h"

namespace {

using namespace sailer;
using packed::Contents;
using packed::Genes;
using CorpusWriterXPtr = Rcpp::XPtr<CorpusWriter>;

Rcpp::List wrap_genes(const Genes& genes) {
  return Rcpp::List::create(_["gene"] = texts_to_r(genes.gene, true),
                            _["symbol"] = texts_to_r(genes.symbol, true),
                            _["ensembl"] = texts_to_r(genes.ensembl, true));
}

Rcpp::List wrap_sources(const Contents& contents) {
  std::vector<std::string> names;
  std::vector<int64_t> cells, left_out;
  for (const packed::Source& source : contents.sources) {
    names.push_back(source.mark.name);
    cells.push_back(source.n_cells);
    left_out.push_back(source.left_out());
  }
  return Rcpp::List::create(_["name"] = texts_to_r(names), _["cells"] = cells,
                            _["left_out"] = left_out);
}

CorpusWriter& writer_of(SEXP pointer) {
  CorpusWriterXPtr held(pointer);
  require(held.get() != nullptr, "This corpus is no longer written to.");
  return *held;
}

}  // namespace

// Returns what a file holds, finished or not; NULL if it is empty, or if its
// writer was killed before the genes were written. `finished`: the number of
// sources before the last end mark.
// [[Rcpp::export]]
SEXP core_corpus_state(std::string path) {
  return guarded([&]() -> SEXP {
    const DiskFile file(path, DiskFile::Use::kRead);
    Contents contents;
    packed::read_contents(file, packed::Depth::kHeads, contents);
    if (!contents.has_genes) return R_NilValue;
    return Rcpp::List::create(
        _["genes"] = wrap_genes(contents.genes),
        _["recipe"] = texts_to_r({contents.genes.recipe}, true),
        _["sources"] = wrap_sources(contents),
        _["finished"] = static_cast<double>(contents.n_finished));
  });
}

// Opens a corpus for writing. `genes`: list(gene, symbol, ensembl), NA if not
// known.
// [[Rcpp::export]]
SEXP core_corpus_write(std::string path, Rcpp::List genes, std::string recipe,
                       bool append) {
  return guarded([&]() -> SEXP {
    Genes known;
    known.recipe = std::move(recipe);
    known.gene = texts_from_r(genes["gene"]);
    known.symbol = texts_from_r(genes["symbol"]);
    known.ensembl = texts_from_r(genes["ensembl"]);
    return CorpusWriterXPtr(
        new CorpusWriter(path, known,
                         append ? CorpusMode::kAppend : CorpusMode::kBuild),
        true);
  });
}

// Appends the cells of a source. `map`: for every feature of the source, its
// position among the genes, or NA. `report`: NULL or a function of a list with
// `done` and `cells`.
// [[Rcpp::export]]
Rcpp::List core_corpus_append(SEXP writer, SEXP source, std::string name,
                              Rcpp::IntegerVector map, Rcpp::RObject report) {
  return guarded([&] {
    RMonitor monitor(report);
    const CorpusAppended done = writer_of(writer).append(
        {std::move(name), unwrap_source(source), feature_map_from_r(map)},
        monitor);
    return Rcpp::List::create(
        _["cells"] = done.n_cells, _["left_out"] = done.left_out,
        _["all_counts"] = done.all_counts, _["kept_counts"] = done.kept_counts,
        _["n_counts"] = done.n_counts, _["n_fractional"] = done.n_fractional,
        _["largest"] = done.largest, _["was_there"] = done.was_there,
        _["stopped"] = done.stopped, _["problem"] = wrap_problem(done.problem));
  });
}

// [[Rcpp::export]]
void core_corpus_finish(SEXP writer) {
  guarded([&] { writer_of(writer).finish(); });
}

// Closes the file; what was written stays.
// [[Rcpp::export]]
void core_corpus_close(SEXP writer) {
  CorpusWriterXPtr held(writer);
  if (held.get() != nullptr) held.release();
}

// Counts the cells in which each of n_genes genes has a count above zero.
// [[Rcpp::export]]
Rcpp::List core_gene_cells(SEXP source, Rcpp::IntegerVector map, double n_genes,
                           Rcpp::RObject report) {
  return guarded([&] {
    RMonitor monitor(report);
    const GeneCells counted =
        count_gene_cells(*unwrap_source(source), feature_map_from_r(map),
                         static_cast<int64_t>(n_genes), monitor);
    return Rcpp::List::create(_["cells"] = counted.cells,
                              _["stopped"] = counted.stopped,
                              _["problem"] = wrap_problem(counted.problem));
  });
}

// [[Rcpp::export]]
Rcpp::List core_corpus_open(std::string path, bool check) {
  return guarded([&] {
    auto source = std::make_shared<Store>(path);
    RMonitor monitor;
    if (check) check_done(source->check_payloads(monitor.cancelled()));
    const Contents& contents = source->contents();
    return Rcpp::List::create(
        _["genes"] = wrap_genes(contents.genes),
        _["sources"] = wrap_sources(contents), _["n_cells"] = contents.n_cells,
        _["n_nonzeros"] = contents.n_entries, _["origin"] = source->describe(),
        _["source"] = wrap_source(source));
  });
}
