// Door to the files of fits, and tensors on their way between core and R.
#include <ATen/ATen.h>
#include <Rcpp.h>

#include <cstring>

#include "bindings/errors.h"
#include "bindings/model_state.h"
#include "bindings/stored_values.h"
#include "core/data/sealed_file.h"

namespace sailer {
namespace {

using hdf5::NumberType;

at::ScalarType scalar_type(NumberType type) {
  switch (type) {
    case NumberType::kFloat64:
      return at::kDouble;
    case NumberType::kInt64:
      return at::kLong;
    default:
      return at::kFloat;
  }
}

NumberType number_type(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return NumberType::kFloat64;
    case at::kLong:
      return NumberType::kInt64;
    default:
      return NumberType::kFloat32;
  }
}

}  // namespace

Rcpp::List state_to_r(const std::vector<NamedTensor>& state) {
  Rcpp::List out(state.size());
  Rcpp::CharacterVector names(state.size());
  for (size_t k = 0; k < state.size(); ++k) {
    const NumberType type = number_type(state[k].tensor.scalar_type());
    const at::Tensor tensor =
        state[k].tensor.detach().to(at::kCPU, scalar_type(type)).contiguous();
    Rcpp::RawVector bytes = empty_tensor({type, tensor.sizes().vec()});
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
    const TensorHeader header = tensor_header(bytes, name);
    at::Tensor tensor = at::empty(
        header.shape, at::TensorOptions().dtype(scalar_type(header.type)));
    std::memcpy(tensor.data_ptr(), RAW(bytes),
                static_cast<size_t>(bytes.size()));
    out.push_back({name, tensor});
  }
  return out;
}

}  // namespace sailer

// Writes a list of R values to a sealed file; see bindings/stored_values.h for
// what it may hold.
// [[Rcpp::export]]
void core_store_write(std::string file, std::string kind, int version,
                      Rcpp::List values) {
  sailer::guarded([&] {
    sailer::write_atomically(file, kind, version,
                             [&](sailer::hdf5::FileWriter& to) {
                               sailer::write_values(to, values);
                             });
  });
}

// list(values, version) of a sealed file of that kind, of a version up to
// `newest`.
// [[Rcpp::export]]
Rcpp::List core_store_read(std::string file, std::string kind, int newest) {
  return sailer::guarded([&] {
    const sailer::SealedFile sealed = sailer::open_sealed(file, kind, newest);
    return Rcpp::List::create(
        Rcpp::Named("values") = sailer::read_values(sealed.file),
        Rcpp::Named("version") = sealed.version);
  });
}
