// Named tensors in a sealed HDF5 file; see data/sealed_file.h.
//
// Each is a dataset of its name, shape and type (float32, float64 or int64), in
// the order given.
#pragma once

#include <string>
#include <vector>

#include "../support/parameters.h"

namespace sailer {

// Replaces the file at once, as write_atomically() does. Tensors may lie on any
// device; they are copied to the CPU one at a time. Throws Error(kFile).
void write_tensors(const std::string& path, const std::string& kind,
                   int version, const std::vector<NamedTensor>& tensors);

// On the CPU. `newest_version` is the last one that the caller knows. Throws
// Error(kFile) as open_sealed() does.
std::vector<NamedTensor> read_tensors(const std::string& path,
                                      const std::string& kind,
                                      int newest_version);

}  // namespace sailer
