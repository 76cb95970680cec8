// Values of R in HDF5, without loss, and plain to other readers.
//
// A list is a group, a vector a dataset of its name; an array has its shape, a
// tensor (a raw vector with the attributes "shape" and "type") its own numbers.
// The HDF5 attribute "type" tells what it is in R. R's attributes of a value
// `x` (names, dimnames, class) are the members of the group `x%attributes`, and
// the places of its missing texts, from 0, those of `x%missing`. Of logical
// values 2 is NA. Elements of a list without a name are called `[1]`, `[2]`.
#pragma once

#include <Rcpp.h>

#include <string>

#include "../core/data/hdf5_writer.h"
#include "../core/data/readers/hdf5.h"

namespace sailer {

// Lists, vectors and arrays of all types but complex, NULL, calls and symbols,
// versions; any attributes of these. Anything else throws an Error that names
// its place.
void write_values(hdf5::FileWriter& file, const Rcpp::List& values);

// Throws Error(kFile) for what write_values() has not written.
Rcpp::RObject read_values(const hdf5::File& file);

// Types of tensors by name: "float32", "float64" or "int64"; kOther otherwise.
hdf5::NumberType tensor_type(const std::string& name);
const char* name_of_tensor_type(hdf5::NumberType type);

// Of a tensor as R keeps it; throws Error(kFile) naming `where` when its bytes
// are not those of its shape and type.
struct TensorHeader {
  hdf5::NumberType type;
  std::vector<int64_t> shape;
};
TensorHeader tensor_header(SEXP bytes, const std::string& where);

// A raw vector for a tensor, whose bytes are not yet set.
Rcpp::RawVector empty_tensor(const TensorHeader& header);

}  // namespace sailer
