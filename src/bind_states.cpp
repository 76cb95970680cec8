// Door to the files of fits and of runs, and tensors on their way between core
// and R.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <algorithm>
#include <cstring>

#include "bindings/errors.h"
#include "bindings/states.h"
#include "core/support/parameters.h"
#include "core/support/tensor_file.h"

namespace sailer {
namespace {

// Types of tensors: of R's raw vectors, of files and of LibTorch.
struct Type {
  std::string name, stored;
  at::ScalarType tensor;
};
const Type kTypes[] = {{"float32", "F32", at::kFloat},
                       {"float64", "F64", at::kDouble},
                       {"int64", "I64", at::kLong}};

template <typename Value>
const Type* find_type(Value Type::*of, const Value& value) {
  const auto* found =
      std::find_if(std::begin(kTypes), std::end(kTypes),
                   [&](const Type& type) { return type.*of == value; });
  return found == std::end(kTypes) ? nullptr : found;
}

// A raw vector of R as a tensor that shares its memory.
StoredTensor tensor_from_r(const Rcpp::RawVector& bytes,
                           const std::string& name) {
  // Older fits hold no other.
  const Type* type = &kTypes[0];
  if (bytes.hasAttribute("type")) {
    type = find_type(&Type::name, Rcpp::as<std::string>(bytes.attr("type")));
  }
  StoredTensor out{name, type == nullptr ? "" : type->stored, {}, {}};
  for (double size : Rcpp::as<std::vector<double>>(bytes.attr("shape"))) {
    out.shape.push_back(static_cast<int64_t>(size));
  }
  if (type == nullptr || bytes_of(out) != bytes.size()) {
    throw Error(ErrorKind::kFile, "The fit is damaged: its tensor '" + name +
                                      "' has lost some of its values.");
  }
  out.data = borrowed(RAW(bytes));
  return out;
}

// A vector or array, whose last dimension is the fastest, as a tensor that
// shares its memory.
StoredTensor numbers_from_r(SEXP value, const std::string& name) {
  StoredTensor out{name, "", {Rf_xlength(value)}, {}};
  const SEXP dim = Rf_getAttrib(value, R_DimSymbol);
  if (!Rf_isNull(dim)) {
    out.shape.assign(INTEGER(dim), INTEGER(dim) + Rf_xlength(dim));
    std::reverse(out.shape.begin(), out.shape.end());
  }
  if (TYPEOF(value) == REALSXP) {
    out.dtype = "F64";
    out.data = borrowed(REAL(value));
  } else if (TYPEOF(value) == INTSXP) {
    out.dtype = "I32";
    out.data = borrowed(INTEGER(value));
  } else {
    out.dtype = "U8";
    out.data = borrowed(RAW(value));
  }
  return out;
}

// The same the other way round, without dimensions.
SEXP to_r(const StoredTensor& tensor) {
  const Type* type = find_type(&Type::stored, tensor.dtype);
  const auto n_bytes = static_cast<size_t>(bytes_of(tensor));
  Rcpp::RObject out;
  void* to = nullptr;
  if (tensor.dtype == "I32") {
    out = Rf_allocVector(INTSXP, static_cast<R_xlen_t>(n_bytes / sizeof(int)));
    to = INTEGER(out);
  } else if (type == nullptr) {
    out = Rf_allocVector(RAWSXP, static_cast<R_xlen_t>(n_bytes));
    to = RAW(out);
  } else {
    out = empty_tensor(type->name, tensor.shape);
    to = RAW(out);
  }
  if (n_bytes > 0) std::memcpy(to, tensor.data.get(), n_bytes);
  return out;
}

}  // namespace

Rcpp::RawVector empty_tensor(const std::string& type,
                             const std::vector<int64_t>& shape) {
  const int64_t n_bytes =
      bytes_of({"", find_type(&Type::name, type)->stored, shape, {}});
  Rcpp::RawVector bytes(Rf_allocVector(RAWSXP, n_bytes));
  bytes.attr("shape") = Rcpp::NumericVector(shape.begin(), shape.end());
  bytes.attr("type") = type;
  return bytes;
}

Rcpp::List state_to_r(const std::vector<NamedTensor>& state) {
  Rcpp::List out(state.size());
  Rcpp::CharacterVector names(state.size());
  for (size_t k = 0; k < state.size(); ++k) {
    const Type* type = find_type(&Type::tensor, state[k].tensor.scalar_type());
    if (type == nullptr) type = &kTypes[0];
    const at::Tensor tensor =
        state[k].tensor.detach().to(at::kCPU, type->tensor).contiguous();
    Rcpp::RawVector bytes = empty_tensor(type->name, tensor.sizes().vec());
    std::memcpy(RAW(bytes), tensor.data_ptr(),
                static_cast<size_t>(bytes.size()));
    out[k] = bytes;
    names[k] = state[k].name;
  }
  out.names() = names;
  return out;
}

std::vector<NamedTensor> state_from_r(const Rcpp::List& state) {
  std::vector<NamedTensor> out;
  const Rcpp::CharacterVector names = state.names();
  for (R_xlen_t k = 0; k < state.size(); ++k) {
    const Rcpp::RawVector bytes = state[k];
    const std::string name(names[k]);
    const StoredTensor stored = tensor_from_r(bytes, name);
    at::Tensor tensor = at::empty(
        stored.shape, at::TensorOptions().dtype(
                          find_type(&Type::stored, stored.dtype)->tensor));
    std::memcpy(tensor.data_ptr(), stored.data.get(),
                static_cast<size_t>(bytes.size()));
    out.push_back({name, tensor});
  }
  return out;
}

}  // namespace sailer

// Writes a description and a named list of tensors (raw vectors with a
// "shape"), numbers (double or integer, arrays with the last dimension fastest)
// and bytes.
// [[Rcpp::export]]
void core_write_tensors(std::string file, std::string kind, int version,
                        std::string description, Rcpp::List tensors) {
  using namespace sailer;
  guarded([&] {
    TensorFile out{kind, version, description, {}};
    const Rcpp::RObject names = tensors.names();
    for (R_xlen_t k = 0; k < tensors.size(); ++k) {
      const std::string name = CHAR(STRING_ELT(names, k));
      const Rcpp::RObject value = tensors[k];
      out.tensors.push_back(value.hasAttribute("shape")
                                ? tensor_from_r(Rcpp::RawVector(value), name)
                                : numbers_from_r(value, name));
    }
    write_tensor_file(file, out);
  });
}

// list(description, version, tensors) of a file of that kind, of a version up
// to `newest`. Doubles are tensors as well: see core_doubles().
// [[Rcpp::export]]
Rcpp::List core_read_tensors(std::string file, std::string kind, int newest) {
  using namespace sailer;
  return guarded([&] {
    TensorFile in = read_tensor_file(file, kind, newest);
    Rcpp::List tensors(in.tensors.size());
    Rcpp::CharacterVector names(in.tensors.size());
    for (size_t k = 0; k < in.tensors.size(); ++k) {
      tensors[k] = to_r(in.tensors[k]);
      names[k] =
          Rf_mkCharLenCE(in.tensors[k].name.data(),
                         static_cast<int>(in.tensors[k].name.size()), CE_UTF8);
      in.tensors[k].data.reset();
    }
    tensors.names() = names;
    Rcpp::String description(in.description, CE_UTF8);
    return Rcpp::List::create(Rcpp::Named("description") = description,
                              Rcpp::Named("version") = in.version,
                              Rcpp::Named("tensors") = tensors);
  });
}

// The numbers of a tensor of type "float64".
// [[Rcpp::export]]
Rcpp::NumericVector core_doubles(Rcpp::RawVector tensor) {
  Rcpp::NumericVector out(tensor.size() /
                          static_cast<R_xlen_t>(sizeof(double)));
  if (out.size() > 0) {
    std::memcpy(REAL(out), RAW(tensor), static_cast<size_t>(tensor.size()));
  }
  return out;
}
