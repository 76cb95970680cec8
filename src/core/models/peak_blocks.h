// Cuts the peaks of a layout into blocks of equal width, so that the products
// of all groups become one batched product: on a GPU, launches would cost more
// than the few percent of padding.
#pragma once

#include <torch/types.h>

#include <vector>

#include "peak_layout.h"

namespace sailer {

// A block lies within one group; the last block of a group is padded. Slot
// b * width + u is position u of block b. A layout with a single group is one
// block of all peaks: then there is no padding and nothing to gather.
struct PeakBlocks {
  int64_t n_groups = 0, n_blocks = 0, width = 0;

  // On the device, int64 unless noted; undefined if there is a single group.
  at::Tensor peak_of_slot;    // [n_blocks * width]; padding repeats a peak
  at::Tensor padding;         // [n_blocks * width], bool
  at::Tensor slot_of_peak;    // [P]
  at::Tensor block_of_peak;   // [P]
  at::Tensor group_of_block;  // [n_blocks]
  at::Tensor group_sums;      // [n_groups, n_blocks], 0 or 1, double
  at::Tensor group_starts;    // [n_groups], first peak of each

  bool single() const { return n_groups == 1; }
  int64_t n_slots() const { return n_blocks * width; }
};

PeakBlocks make_peak_blocks(const PeakLayout& layout, const at::Device& device);

// Same as make_peak_blocks(), but cached for the kKeptLayouts most recently
// used layouts, because creating the blocks costs transfers. Thread-safe.
constexpr size_t kKeptLayouts = 8;
PeakBlocks peak_blocks_of(const PeakLayout& layout, const at::Device& device);

// Returns the cell of each entry, given offsets [B + 1] on the device.
at::Tensor cell_of_entry(const at::Tensor& offsets, int64_t n_entries);

}  // namespace sailer
