#include "peak_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <list>
#include <mutex>

#include "../support/to_device.h"

namespace sailer {
namespace {

// A width near P / 256 keeps the padding (half a block per group) and the
// copies of the hidden units (one per block) both at a few percent.
int64_t block_width(const PeakLayout& layout) {
  if (layout.n_groups() == 1) return layout.n_peaks();
  constexpr int64_t kParts = 256, kMultiple = 64;
  const int64_t width = (layout.n_peaks() + kParts - 1) / kParts;
  return (width + kMultiple - 1) / kMultiple * kMultiple;
}

}  // namespace

PeakBlocks make_peak_blocks(const PeakLayout& layout,
                            const at::Device& device) {
  PeakBlocks blocks;
  blocks.n_groups = layout.n_groups();
  blocks.width = block_width(layout);
  if (blocks.n_groups == 1) {
    blocks.n_blocks = 1;
    return blocks;
  }
  std::vector<int64_t> peak_of_slot, slot_of_peak, block_of_peak, group;
  std::vector<int64_t> padding, group_starts;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    group_starts.push_back(layout.start(g));
    for (int64_t p = layout.start(g); p < layout.end(g); p += blocks.width) {
      for (int64_t u = 0; u < blocks.width; ++u) {
        const bool real = p + u < layout.end(g);
        if (real) {
          slot_of_peak.push_back(n_of(peak_of_slot));
          block_of_peak.push_back(n_of(group));
        }
        peak_of_slot.push_back(real ? p + u : p);
        padding.push_back(real ? 0 : 1);
      }
      group.push_back(g);
    }
  }
  blocks.n_blocks = n_of(group);
  at::Tensor sums = at::zeros({blocks.n_groups, blocks.n_blocks}, at::kDouble);
  sums.scatter_(0, at::tensor(group, at::kLong).unsqueeze(0), 1.0);
  blocks.peak_of_slot = to_device(peak_of_slot, device);
  blocks.padding = to_device(padding, device).to(at::kBool);
  blocks.slot_of_peak = to_device(slot_of_peak, device);
  blocks.block_of_peak = to_device(block_of_peak, device);
  blocks.group_of_block = to_device(group, device);
  blocks.group_sums = to_device(sums, device);
  blocks.group_starts = to_device(group_starts, device);
  return blocks;
}

PeakBlocks peak_blocks_of(const PeakLayout& layout, const at::Device& device) {
  struct Kept {
    std::vector<int64_t> sizes;
    at::Device device;
    PeakBlocks blocks;
  };
  // Most recently used first. Never destroyed, because when the process ends,
  // the device may already be gone.
  static auto& mutex = *new std::mutex;
  static auto& kept = *new std::list<Kept>;
  const std::vector<int64_t> sizes = layout.sizes();
  const std::lock_guard<std::mutex> lock(mutex);
  auto found = std::find_if(kept.begin(), kept.end(), [&](const Kept& one) {
    return one.device == device && one.sizes == sizes;
  });
  if (found == kept.end()) {
    kept.push_front({sizes, device, make_peak_blocks(layout, device)});
    if (kept.size() > kKeptLayouts) kept.pop_back();
  } else {
    kept.splice(kept.begin(), kept, found);
  }
  return kept.front().blocks;
}

at::Tensor cell_of_entry(const at::Tensor& offsets, int64_t n_entries) {
  return at::searchsorted(offsets.slice(0, 1),
                          at::arange(n_entries, offsets.options()),
                          /*out_int32=*/false, /*right=*/true);
}

}  // namespace sailer
