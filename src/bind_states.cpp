// Bindings for the files of fits and of runs, and conversion of tensors between
// the core and R.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <algorithm>
#include <cstring>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/states.h"
#include "core/training/checkpoint.h"

namespace sailer {
namespace {

// Names of types in R and in files.
constexpr const char* kTypes[][2] = {
    {"float32", "F32"}, {"float64", "F64"}, {"int64", "I64"}};

// Returns a raw vector of R as a tensor that shares its memory.
StoredTensor tensor_from_r(const Rcpp::RawVector& bytes,
                           const std::string& name) {
  // The tensors of older fits have no "type" and are all float32.
  std::string type = "float32";
  if (bytes.hasAttribute("type")) {
    type = Rcpp::as<std::string>(bytes.attr("type"));
  }
  StoredTensor out{name, "", {}, borrowed(RAW(bytes))};
  for (const auto& known : kTypes) {
    if (type == known[0]) out.dtype = known[1];
  }
  out.shape = Rcpp::as<std::vector<int64_t>>(bytes.attr("shape"));
  if (out.dtype.empty() || bytes_of(out) != bytes.size()) {
    throw_error(ErrorKind::kFile, "The fit is damaged: its tensor '", name,
                "' has lost some of its values.");
  }
  return out;
}

// Returns a vector or array as a tensor that shares its memory. The dimensions
// are reversed, because the last dimension of a tensor is the fastest.
StoredTensor numbers_from_r(SEXP value, const std::string& name) {
  StoredTensor out{name, "U8", {Rf_xlength(value)}, {}};
  const SEXP dim = Rf_getAttrib(value, R_DimSymbol);
  if (!Rf_isNull(dim)) {
    out.shape.assign(INTEGER(dim), INTEGER(dim) + Rf_xlength(dim));
    std::reverse(out.shape.begin(), out.shape.end());
  }
  if (TYPEOF(value) == REALSXP) out.dtype = "F64";
  if (TYPEOF(value) == INTSXP) out.dtype = "I32";
  out.data = borrowed(DATAPTR_RO(value));
  return out;
}

}  // namespace

Rcpp::RObject tensor_to_r(const StoredTensor& tensor) {
  const auto n_bytes = static_cast<size_t>(bytes_of(tensor));
  if (tensor.dtype == "I32") {
    Rcpp::IntegerVector out(n_bytes / sizeof(int));
    if (n_bytes > 0) std::memcpy(out.begin(), tensor.data.get(), n_bytes);
    return out;
  }
  Rcpp::RawVector out(n_bytes);
  if (n_bytes > 0) std::memcpy(out.begin(), tensor.data.get(), n_bytes);
  for (const auto& known : kTypes) {
    if (tensor.dtype != known[1]) continue;
    out.attr("shape") = tensor.shape;
    out.attr("type") = known[0];
  }
  return out;
}

Rcpp::List state_to_r(const std::vector<NamedTensor>& state) {
  Rcpp::List out;
  for (const NamedTensor& entry : state) {
    out.push_back(tensor_to_r(to_stored(entry)), entry.name);
  }
  return out;
}

std::vector<NamedTensor> state_from_r(const Rcpp::List& state) {
  std::vector<NamedTensor> out;
  const Rcpp::CharacterVector names = state.names();
  for (R_xlen_t k = 0; k < state.size(); ++k) {
    const Rcpp::RawVector bytes = state[k];
    const NamedTensor shared =
        from_stored(tensor_from_r(bytes, std::string(names[k])));
    out.push_back({shared.name, shared.tensor.clone()});
  }
  return out;
}

}  // namespace sailer

// Writes a description and a named list of tensors (raw vectors with a
// "shape"), numbers (double or integer; the dimensions of arrays are reversed)
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

// Returns list(description, version, tensors) of a file of that kind, of a
// version up to `newest`. Doubles are returned as raw tensors too: see
// core_doubles().
// [[Rcpp::export]]
Rcpp::List core_read_tensors(std::string file, std::string kind, int newest) {
  using namespace sailer;
  return guarded([&] {
    TensorFile in = read_tensor_file(file, kind, newest);
    Rcpp::List tensors(in.tensors.size());
    std::vector<std::string> names;
    for (size_t k = 0; k < in.tensors.size(); ++k) {
      tensors[k] = tensor_to_r(in.tensors[k]);
      names.push_back(in.tensors[k].name);
      in.tensors[k].data.reset();
    }
    tensors.names() = texts_to_r(names);
    return Rcpp::List::create(_["description"] = texts_to_r({in.description}),
                              _["version"] = static_cast<int>(in.version),
                              _["tensors"] = tensors);
  });
}

// Returns the numbers of a tensor of type "float64".
// [[Rcpp::export]]
Rcpp::NumericVector core_doubles(Rcpp::RawVector tensor) {
  Rcpp::NumericVector out(tensor.size() /
                          static_cast<R_xlen_t>(sizeof(double)));
  if (out.size() > 0) {
    std::memcpy(REAL(out), RAW(tensor), static_cast<size_t>(tensor.size()));
  }
  return out;
}
