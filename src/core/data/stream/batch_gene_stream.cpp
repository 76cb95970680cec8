#include "batch_gene_stream.h"

#include <algorithm>

#include "../../support/shuffle.h"

namespace sailer {

GeneStream::GeneStream(const CellSourcePtr& source,
                       const GeneStreamOptions& options)
    : options_(options) {
  StoreOptions counts;
  counts.values = packed::BlockMaker::Values::kKept;
  store_ = packed_cells(source, counts);
}

GeneStream::~GeneStream() { stop(); }

void GeneStream::start(std::vector<int64_t> cells, uint64_t seed,
                       int64_t position) {
  stop();
  order_ = std::move(cells);
  seed_ = seed;
  position_ = position;
  ahead_ = std::make_unique<Prefetch<Made>>(
      [this](Made& made, const std::atomic<bool>&) { return make(made); },
      options_.prefetch);
}

void GeneStream::stop() { ahead_.reset(); }

bool GeneStream::make(Made& made) {
  const auto n = static_cast<int64_t>(order_.size());
  if (position_ >= n) return false;
  const int64_t end = std::min(n, position_ + options_.batch_size);
  made.cells.assign(order_.begin() + position_, order_.begin() + end);
  HostTokens piece;
  const auto finish_piece = [&] {
    if (piece.n_cells() > 0) made.pieces.push_back(std::move(piece));
    piece = HostTokens();
  };
  for (int64_t cell : made.cells) {
    rows_.clear();
    store_->read_cells(&cell, 1, rows_);
    normalize_cell(rows_, 0, cell_);
    const int64_t tokens = std::min(static_cast<int64_t>(cell_.genes.size()),
                                    options_.tokens.max_genes);
    if (piece.n_tokens() + tokens > options_.token_budget) finish_piece();
    append_training_cell(cell_, options_.tokens,
                         derive_seed(seed_, static_cast<uint64_t>(cell)),
                         piece);
  }
  finish_piece();
  position_ = end;
  return true;
}

bool GeneStream::next(std::vector<GeneBatch>& pieces) {
  pieces.clear();
  Made made;
  if (!ahead_ || !ahead_->next(made)) return false;
  current_ = std::move(made.cells);
  const at::TensorOptions options =
      at::TensorOptions().dtype(options_.type).device(options_.device);
  for (HostTokens& piece : made.pieces) {
    pieces.push_back(to_batch(std::move(piece), options));
  }
  return true;
}

}  // namespace sailer
