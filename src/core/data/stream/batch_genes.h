// A minibatch of cells as the Expresser reads it.
#pragma once

#include <torch/types.h>

#include "gene_tokens.h"
#include "segments.h"

namespace sailer {

// See HostTokens. Numbers are int64, expressions of the model's type; all are
// parts of two tensors, so that a piece travels to a device in two copies.
struct GeneBatch {
  at::Tensor integers, expressions;  // what the following are parts of

  at::Tensor genes;       // [tokens]
  Segments tokens;        // of each cell
  at::Tensor observed;    // [observed] places of tokens
  at::Tensor bins;        // [observed]
  at::Tensor values;      // [observed]
  at::Tensor log_counts;  // [observed]
  Segments observed_of;
  at::Tensor masked;     // [masked] places of tokens
  at::Tensor targets;    // [masked]
  at::Tensor largest;    // [masked]
  at::Tensor per_count;  // [masked]
  Segments masked_of;

  int64_t n_cells() const { return tokens.size(); }
  int64_t n_masked() const { return masked_of.total(); }
};

// On the host, in memory that `device` can read by itself.
GeneBatch make_gene_batch(HostTokens&& tokens, at::ScalarType type,
                          const at::Device& device);

// On the device; the host does not wait.
GeneBatch on_device(GeneBatch batch, const at::Device& device);

// `n` of its cells, from `first` on.
GeneBatch cells_of(const GeneBatch& batch, int64_t first, int64_t n);

// On the device at once.
GeneBatch to_batch(HostTokens&& tokens, const at::TensorOptions& options);

}  // namespace sailer
