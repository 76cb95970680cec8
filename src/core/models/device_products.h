// Pieces of the last layer by tensor operations, for devices where launches and
// passes over memory are what costs. Nothing here fetches a value.
//
// Everything is kept with its sign turned: b = -a for a logit a, and slopes
// -dL/da. Then log sigmoid(b) = -softplus(a) and exp(that) - 1 = -sigmoid(a),
// both exact to rounding at every a, and both written over b: cells x peaks
// values are held once.
#pragma once

#include <torch/types.h>

#include <vector>

#include "../data/stream/sparse_batch.h"
#include "compute_options.h"
#include "loss_and_gradients.h"
#include "peak_blocks.h"

namespace sailer {

// Rows [first, last) of a batch and their entries.
struct RowChunk {
  int64_t first, last, entry_first, entry_last;

  int64_t n_rows() const { return last - first; }
};

// The rows in chunks of about `max_values` values, at least one row each. When
// all fit, nothing needs to be known of the entries; else their places are
// taken from `host_offsets`, or fetched if that is null or empty.
std::vector<RowChunk> row_chunks(const SparseRowsTensor& rows,
                                 const std::vector<int64_t>* host_offsets,
                                 int64_t values_per_row, int64_t max_values);

// hidden x weight' and both of its gradients, for all groups at once.
class DeviceProducts {
 public:
  // weight [P, w] and bias [P] of the peaks of `blocks`, which must outlive
  // this. In bf16 the weight is rounded here, once.
  DeviceProducts(const at::Tensor& weight, const at::Tensor& bias, double shift,
                 const PeakBlocks& blocks, Precision precision);

  // Writes b = -(hidden . weight + bias + shift) of n rows to the front of
  // `buffer`, cells within blocks: returned is [n_blocks, n, width].
  at::Tensor negative_logits(const at::Tensor& hidden, at::Tensor& buffer);

  // For slopes -dL/da in that shape, of the rows that were computed last:
  // returns scale * dL/dhidden and adds to the gradients below.
  at::Tensor add_gradients(const at::Tensor& slopes, double scale);

  at::Tensor weight_gradient() const;  // [P, w]
  at::Tensor bias_gradient() const;    // [P]

  // Places of (cell, peak) in the flattened blocks of n rows.
  at::Tensor places(const at::Tensor& cell, const at::Tensor& peak,
                    int64_t n) const;

 private:
  at::Tensor by_slot(const at::Tensor& by_peak) const;
  at::Tensor by_peak(const at::Tensor& by_slot) const;

  const PeakBlocks& blocks_;
  at::ScalarType type_;
  bool narrow_;             // products in bf16
  at::Tensor weight_;       // [n_blocks, width, w]
  at::Tensor bias_;         // [n_blocks, 1, width], turned
  at::Tensor hidden_;       // [n_blocks, n, w], turned, of the last rows
  at::Tensor weight_grad_;  // [n_blocks, width, w]
  at::Tensor bias_grad_;    // [n_blocks, width]
};

// The part of the closed peaks: `values` [n_blocks, n, width] hold b and get
// the slopes -sigmoid(a) if `with_slopes` (returned; in bf16 a tensor of their
// own). `open` are places to leave out; `flat` is the memory of `values` as a
// vector, and may have one more place for entries that are nowhere. Returns
// the sum of softplus(a) in double.
struct ClosedPart {
  at::Tensor loss, slopes;
};
ClosedPart closed_part(const at::Tensor& values, at::Tensor& flat,
                       const at::Tensor& open, bool with_slopes,
                       Precision precision);

// The part of the open peaks, from their b: omega * sum of softplus(-a) in
// double, and slopes omega * sigmoid(-a).
struct OpenPart {
  at::Tensor loss, slopes;
};
OpenPart open_part(const at::Tensor& b, double omega);

}  // namespace sailer
