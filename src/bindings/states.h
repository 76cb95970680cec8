// Tensors as R keeps them: a named list of raw vectors, little endian, with the
// attributes "shape" and "type" ("float32", the default, "float64" or "int64").
// A fit holds such a list, so it survives saveRDS() and other processes, and a
// model is made from it when needed.
#pragma once

#include <Rcpp.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sailer {

struct NamedTensor;  // core/support/parameters.h

Rcpp::List state_to_r(const std::vector<NamedTensor>& state);
std::vector<NamedTensor> state_from_r(const Rcpp::List& state);

// A raw vector for a tensor of this type; its bytes are not yet set.
Rcpp::RawVector empty_tensor(const std::string& type,
                             const std::vector<int64_t>& shape);

}  // namespace sailer
