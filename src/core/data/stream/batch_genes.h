// A minibatch of cells as the Expresser reads it.
#pragma once

#include <torch/types.h>

#include "gene_tokens.h"
#include "segments.h"

namespace sailer {

// See HostTokens. Integers are int64, expressions have the model's type. All
// are views of two tensors, so that a piece is sent to a device in two copies.
struct GeneBatch {
  at::Tensor integers, expressions;  // the tensors that hold the following

  at::Tensor genes;       // [tokens]
  Segments tokens;        // of each cell
  at::Tensor observed;    // [observed] indices of tokens
  at::Tensor bins;        // [observed]
  at::Tensor values;      // [observed]
  at::Tensor log_counts;  // [observed]
  Segments observed_of;
  at::Tensor masked;     // [masked] indices of tokens
  at::Tensor targets;    // [masked]
  at::Tensor largest;    // [masked]
  at::Tensor per_count;  // [masked]
  Segments masked_of;

  int64_t n_cells() const { return tokens.size(); }
  int64_t n_masked() const { return masked_of.total(); }
};

// Makes a minibatch on the host, in pinned memory if `device` is a GPU.
GeneBatch make_gene_batch(HostTokens&& tokens, at::ScalarType type,
                          const at::Device& device);

// Copies a minibatch to the device without waiting for it.
GeneBatch on_device(GeneBatch batch, const at::Device& device);

// Returns the cells [first, first + n) of a minibatch, without `integers` and
// `expressions`.
GeneBatch cells_of(const GeneBatch& batch, int64_t first, int64_t n);

// Makes a minibatch and copies it to the device.
GeneBatch to_batch(HostTokens&& tokens, const at::TensorOptions& options);

}  // namespace sailer
