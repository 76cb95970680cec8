// Bindings of corpora: cells of many sources in one file.

#include <Rcpp.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/convert.h"
#include "bindings/count_problem.h"
#include "bindings/errors.h"
#include "bindings/monitor.h"
#include "bindings/source.h"
#include "core/data/store/corpus_writer.h"
#include "core/data/store/store.h"

namespace {

using sailer::CorpusWriter;
using sailer::packed::Contents;
using sailer::packed::Genes;
using WriterXPtr = Rcpp::XPtr<CorpusWriter>;

// "" stands for NA.
Rcpp::CharacterVector wrap_texts(const std::vector<std::string>& texts) {
  Rcpp::CharacterVector out(static_cast<R_xlen_t>(texts.size()));
  for (size_t k = 0; k < texts.size(); ++k) {
    out[static_cast<R_xlen_t>(k)] =
        texts[k].empty()
            ? NA_STRING
            : Rf_mkCharLenCE(texts[k].data(), static_cast<int>(texts[k].size()),
                             CE_UTF8);
  }
  return out;
}

std::vector<std::string> texts_from_r(const Rcpp::CharacterVector& texts) {
  std::vector<std::string> out;
  out.reserve(static_cast<size_t>(texts.size()));
  for (R_xlen_t k = 0; k < texts.size(); ++k) {
    const SEXP text = texts[k];
    out.emplace_back(text == NA_STRING ? "" : Rf_translateCharUTF8(text));
  }
  return out;
}

Rcpp::List wrap_genes(const Genes& genes) {
  return Rcpp::List::create(Rcpp::Named("gene") = wrap_texts(genes.gene),
                            Rcpp::Named("symbol") = wrap_texts(genes.symbol),
                            Rcpp::Named("ensembl") = wrap_texts(genes.ensembl));
}

Rcpp::List wrap_sources(const Contents& contents) {
  std::vector<std::string> names;
  std::vector<double> cells, left_out;
  for (const sailer::packed::Source& source : contents.sources) {
    names.push_back(source.mark.name);
    cells.push_back(static_cast<double>(source.n_cells));
    left_out.push_back(static_cast<double>(source.left_out()));
  }
  return Rcpp::List::create(Rcpp::Named("name") = wrap_texts(names),
                            Rcpp::Named("cells") = cells,
                            Rcpp::Named("left_out") = left_out);
}

CorpusWriter& writer_of(SEXP pointer) {
  WriterXPtr held(pointer);
  if (held.get() == nullptr) {
    throw sailer::Error(sailer::ErrorKind::kArgument,
                        "This corpus is no longer written to.");
  }
  return *held;
}

}  // namespace

// What a file holds, finished or not: NULL when it is empty, or was killed
// before its genes were written. `finished`: sources before the last end.
// [[Rcpp::export]]
SEXP core_corpus_state(std::string path) {
  return sailer::guarded([&]() -> SEXP {
    const sailer::DiskFile file(path, sailer::DiskFile::Use::kRead);
    Contents contents;
    sailer::packed::read_contents(file, sailer::packed::Depth::kHeads,
                                  contents);
    if (!contents.has_genes) return R_NilValue;
    Rcpp::CharacterVector recipe =
        wrap_texts(std::vector<std::string>{contents.genes.recipe});
    return Rcpp::List::create(
        Rcpp::Named("genes") = wrap_genes(contents.genes),
        Rcpp::Named("recipe") = recipe,
        Rcpp::Named("sources") = wrap_sources(contents),
        Rcpp::Named("finished") = static_cast<double>(contents.n_finished));
  });
}

// `genes`: list(gene, symbol, ensembl), NA where not known.
// [[Rcpp::export]]
SEXP core_corpus_write(std::string path, Rcpp::List genes, std::string recipe,
                       bool append) {
  return sailer::guarded([&]() -> SEXP {
    Genes known;
    known.recipe = std::move(recipe);
    known.gene = texts_from_r(genes["gene"]);
    known.symbol = texts_from_r(genes["symbol"]);
    known.ensembl = texts_from_r(genes["ensembl"]);
    return WriterXPtr(new CorpusWriter(path, known,
                                       append ? sailer::CorpusMode::kAppend
                                              : sailer::CorpusMode::kBuild),
                      true);
  });
}

// `map`: for every feature of the source its place among the genes, or NA.
// `report`: NULL or a function of a list with `done` and `cells`.
// [[Rcpp::export]]
Rcpp::List core_corpus_append(SEXP writer, SEXP source, std::string name,
                              Rcpp::IntegerVector map, Rcpp::RObject report) {
  return sailer::guarded([&] {
    sailer::RMonitor monitor(report);
    const sailer::CorpusAppended done = writer_of(writer).append(
        {std::move(name), sailer::unwrap_source(source),
         sailer::feature_map_from_r(map)},
        monitor);
    return Rcpp::List::create(
        Rcpp::Named("cells") = static_cast<double>(done.n_cells),
        Rcpp::Named("left_out") = static_cast<double>(done.left_out),
        Rcpp::Named("all_counts") = done.all_counts,
        Rcpp::Named("kept_counts") = done.kept_counts,
        Rcpp::Named("n_counts") = static_cast<double>(done.n_counts),
        Rcpp::Named("n_fractional") = static_cast<double>(done.n_fractional),
        Rcpp::Named("largest") = done.largest,
        Rcpp::Named("was_there") = done.was_there,
        Rcpp::Named("stopped") = done.stopped,
        Rcpp::Named("problem") = sailer::wrap_problem(done.problem));
  });
}

// [[Rcpp::export]]
void core_corpus_finish(SEXP writer) {
  sailer::guarded([&] {
    writer_of(writer).finish();
    return 0;
  });
}

// Lets go of the file; what was written stays.
// [[Rcpp::export]]
void core_corpus_close(SEXP writer) {
  WriterXPtr held(writer);
  if (held.get() != nullptr) held.release();
}

// In how many cells each of n_genes genes has a count above zero.
// [[Rcpp::export]]
Rcpp::List core_gene_cells(SEXP source, Rcpp::IntegerVector map, double n_genes,
                           Rcpp::RObject report) {
  return sailer::guarded([&] {
    sailer::RMonitor monitor(report);
    const sailer::GeneCells counted = sailer::count_gene_cells(
        *sailer::unwrap_source(source), sailer::feature_map_from_r(map),
        static_cast<int64_t>(n_genes), monitor);
    return Rcpp::List::create(
        Rcpp::Named("cells") =
            Rcpp::NumericVector(counted.cells.begin(), counted.cells.end()),
        Rcpp::Named("stopped") = counted.stopped,
        Rcpp::Named("problem") = sailer::wrap_problem(counted.problem));
  });
}

// [[Rcpp::export]]
Rcpp::List core_corpus_open(std::string path, bool check) {
  bool whole = true;
  Rcpp::List opened = sailer::guarded([&] {
    auto source = std::make_shared<sailer::Store>(path);
    sailer::RMonitor monitor(R_NilValue);
    sailer::Progress progress;
    progress.n_cells = 1;
    if (check) {
      whole =
          source->check_payloads([&] { return !monitor.keep_going(progress); });
    }
    const Contents& contents = source->contents();
    return Rcpp::List::create(
        Rcpp::Named("genes") = wrap_genes(contents.genes),
        Rcpp::Named("sources") = wrap_sources(contents),
        Rcpp::Named("n_cells") = static_cast<double>(contents.n_cells),
        Rcpp::Named("n_nonzeros") = static_cast<double>(contents.n_entries),
        Rcpp::Named("origin") = source->describe(),
        Rcpp::Named("source") = sailer::wrap_source(source));
  });
  if (!whole) throw Rcpp::internal::InterruptedException();
  return opened;
}
