// float32 matrix products on a GPU that has TF32.
#pragma once

#include <ATen/Context.h>

namespace sailer {

// During the lifetime of this object, float32 products on a GPU may round their
// factors to TF32 (10 bits of mantissa, sums in float32), which is several
// times as fast on Ampere and later. It is used for training steps; reported
// values are computed without it.
class AllowTf32 {
 public:
  explicit AllowTf32(const at::Device& device)
      : on_gpu_(!device.is_cpu()),
        before_(at::globalContext().float32MatmulPrecision()) {
    if (on_gpu_) set(at::Float32MatmulPrecision::HIGH);
  }
  ~AllowTf32() {
    if (on_gpu_) set(before_);
  }
  AllowTf32(const AllowTf32&) = delete;
  AllowTf32& operator=(const AllowTf32&) = delete;

 private:
  // By name, which every version of LibTorch accepts.
  static void set(at::Float32MatmulPrecision precision) {
    using Precision = at::Float32MatmulPrecision;
    at::globalContext().setFloat32MatmulPrecision(
        precision == Precision::HIGHEST ? "highest"
        : precision == Precision::HIGH  ? "high"
                                        : "medium");
  }

  bool on_gpu_;
  at::Float32MatmulPrecision before_;
};

}  // namespace sailer
