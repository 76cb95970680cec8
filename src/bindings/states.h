// Tensors as R stores them: a named list of raw vectors, little endian, with
// the attributes "shape" and "type" ("float32", the default, "float64" or
// "int64"). A fit holds such a list, so it survives saveRDS() and works in
// other processes; a model is created from it when needed.
#pragma once

#include <Rcpp.h>

#include <vector>

#include "../core/support/tensor_file.h"

namespace sailer {

struct NamedTensor;  // core/support/parameters.h

Rcpp::List state_to_r(const std::vector<NamedTensor>& state);
std::vector<NamedTensor> state_from_r(const Rcpp::List& state);

// Converts one tensor; one of "I32" becomes an integer vector.
Rcpp::RObject tensor_to_r(const StoredTensor& tensor);

}  // namespace sailer
