#include "batch_gene_stream.h"

#include <algorithm>

#include "../../support/shuffle.h"

namespace sailer {

GeneStream::GeneStream(const CellSourcePtr& source,
                       const GeneStreamOptions& options)
    : options_(options) {
  StoreOptions counts;
  counts.values = Packed::kCounts;
  store_ = packed_cells(source, counts);
}

void GeneStream::start(std::vector<int64_t> cells, uint64_t seed,
                       int64_t position) {
  batches_.start(std::move(cells), position, options_.batch_size,
                 options_.prefetch,
                 [this, seed](const int64_t* some, int64_t n, int64_t,
                              std::vector<GeneBatch>& pieces) {
                   make(some, n, seed, pieces);
                 });
}

void GeneStream::make(const int64_t* cells, int64_t n, uint64_t seed,
                      std::vector<GeneBatch>& pieces) {
  HostTokens piece;
  const auto finish_piece = [&] {
    if (piece.n_cells() > 0) {
      pieces.push_back(
          make_gene_batch(std::move(piece), options_.type, options_.device));
    }
    piece = HostTokens();
  };
  for (int64_t k = 0; k < n; ++k) {
    rows_.clear();
    store_->read_cells(cells + k, 1, rows_);
    normalize_cell(rows_, 0, cell_);
    const int64_t tokens =
        std::min(n_of(cell_.genes), options_.tokens.max_genes);
    if (piece.n_tokens() + tokens > options_.token_budget) finish_piece();
    append_training_cell(cell_, options_.tokens,
                         derive_seed(seed, static_cast<uint64_t>(cells[k])),
                         piece);
  }
  finish_piece();
}

bool GeneStream::next(std::vector<GeneBatch>& pieces) {
  pieces.clear();
  if (!batches_.next(pieces)) return false;
  for (GeneBatch& piece : pieces) {
    piece = on_device(std::move(piece), options_.device);
  }
  return true;
}

}  // namespace sailer
