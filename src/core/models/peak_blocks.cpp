#include "peak_blocks.h"

#include <ATen/ATen.h>

#include <mutex>

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

at::Tensor long_tensor(const std::vector<int64_t>& values,
                       const at::Device& device) {
  return copy_to_device(at::tensor(values, at::kLong), device);
}

// What is made once per layout and device. Values are never freed: when a
// process ends, the device may be gone before they are.
template <typename T>
class Kept {
 public:
  template <typename Make>
  T get(const PeakLayout& layout, const at::Device& device, const Make& make) {
    const std::vector<int64_t> sizes = layout.sizes();
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Entry& entry : entries_) {
      if (entry.device == device && entry.sizes == sizes) return entry.value;
    }
    entries_.push_back({sizes, device, make(layout, device)});
    return entries_.back().value;
  }

 private:
  struct Entry {
    std::vector<int64_t> sizes;
    at::Device device;
    T value;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace

at::Tensor copy_to_device(const at::Tensor& on_host, const at::Device& device) {
  if (device.is_cpu()) return on_host;
  const at::Tensor pinned = device.is_cuda() ? on_host.pin_memory() : on_host;
  return pinned.to(device, /*non_blocking=*/true);
}

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
  std::vector<int64_t> padding;
  for (int64_t g = 0; g < layout.n_groups(); ++g) {
    for (int64_t p = layout.start(g); p < layout.end(g); p += blocks.width) {
      for (int64_t u = 0; u < blocks.width; ++u) {
        const bool real = p + u < layout.end(g);
        if (real) {
          slot_of_peak.push_back(static_cast<int64_t>(peak_of_slot.size()));
          block_of_peak.push_back(static_cast<int64_t>(group.size()));
        }
        peak_of_slot.push_back(real ? p + u : p);
        padding.push_back(real ? 0 : 1);
      }
      group.push_back(g);
    }
  }
  blocks.n_blocks = static_cast<int64_t>(group.size());
  at::Tensor sums = at::zeros({blocks.n_groups, blocks.n_blocks}, at::kDouble);
  sums.scatter_(0, at::tensor(group, at::kLong).unsqueeze(0), 1.0);
  blocks.peak_of_slot = long_tensor(peak_of_slot, device);
  blocks.padding = long_tensor(padding, device).to(at::kBool);
  blocks.slot_of_peak = long_tensor(slot_of_peak, device);
  blocks.block_of_peak = long_tensor(block_of_peak, device);
  blocks.group_of_block = long_tensor(group, device);
  blocks.group_sums = copy_to_device(sums, device);
  return blocks;
}

PeakBlocks peak_blocks_of(const PeakLayout& layout, const at::Device& device) {
  static auto* const kept = new Kept<PeakBlocks>;
  return kept->get(layout, device, make_peak_blocks);
}

at::Tensor group_starts_of(const PeakLayout& layout, const at::Device& device) {
  static auto* const kept = new Kept<at::Tensor>;
  return kept->get(layout, device,
                   [](const PeakLayout& made_for, const at::Device& on) {
                     std::vector<int64_t> starts;
                     for (int64_t g = 0; g < made_for.n_groups(); ++g) {
                       starts.push_back(made_for.start(g));
                     }
                     return long_tensor(starts, on);
                   });
}

at::Tensor cell_of_entry(const at::Tensor& offsets, int64_t n_entries) {
  return at::searchsorted(offsets.slice(0, 1),
                          at::arange(n_entries, offsets.options()),
                          /*out_int32=*/false, /*right=*/true);
}

}  // namespace sailer
