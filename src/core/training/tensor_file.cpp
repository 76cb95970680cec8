#include "tensor_file.h"

#include <ATen/ATen.h>

#include "../data/sealed_file.h"
#include "../support/error.h"

namespace sailer {
namespace {

using hdf5::NumberType;

NumberType number_type(at::ScalarType type, const std::string& name) {
  switch (type) {
    case at::kFloat:
      return NumberType::kFloat32;
    case at::kDouble:
      return NumberType::kFloat64;
    case at::kLong:
      return NumberType::kInt64;
    default:
      throw Error(ErrorKind::kArgument,
                  "The tensor '" + name + "' is of type " + at::toString(type) +
                      "; files take float32, float64 and int64.");
  }
}

at::ScalarType scalar_type(const hdf5::Dataset& dataset) {
  switch (dataset.number_type()) {
    case NumberType::kFloat32:
      return at::kFloat;
    case NumberType::kFloat64:
      return at::kDouble;
    case NumberType::kInt64:
      return at::kLong;
    default:
      throw Error(ErrorKind::kFile,
                  "The " + dataset.describe() +
                      " is none of float32, float64 and int64; this file "
                      "holds no tensors of sailer.");
  }
}

}  // namespace

void write_tensors(const std::string& path, const std::string& kind,
                   int version, const std::vector<NamedTensor>& tensors) {
  write_atomically(path, kind, version, [&](hdf5::FileWriter& file) {
    for (const NamedTensor& entry : tensors) {
      const at::Tensor values = entry.tensor.detach().to(at::kCPU).contiguous();
      file.numbers(hdf5::link_name(entry.name), values.sizes().vec(),
                   number_type(values.scalar_type(), entry.name),
                   values.data_ptr());
    }
  });
}

std::vector<NamedTensor> read_tensors(const std::string& path,
                                      const std::string& kind,
                                      int newest_version) {
  const SealedFile sealed = open_sealed(path, kind, newest_version);
  std::vector<NamedTensor> tensors;
  for (const std::string& link : sealed.file.children_in_order("/")) {
    const hdf5::Dataset dataset = sealed.file.dataset(link);
    const at::ScalarType type = scalar_type(dataset);
    at::Tensor values =
        at::empty(dataset.shape(), at::TensorOptions().dtype(type));
    dataset.numbers(dataset.number_type(), values.data_ptr());
    tensors.push_back({hdf5::name_of_link(link), values});
  }
  return tensors;
}

}  // namespace sailer
