#include "checkpoint.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <memory>

#include "../support/error.h"
#include "../support/tensor_file.h"

namespace sailer {
namespace {

constexpr char kKind[] = "training state";
constexpr int kVersion = 2;  // the first was HDF5

// Types of tensors that files take.
struct Type {
  at::ScalarType tensor;
  const char* stored;
};
constexpr Type kTypes[] = {
    {at::kFloat, "F32"}, {at::kDouble, "F64"}, {at::kLong, "I64"}};

std::string temporary_file(const std::string& folder) {
  static std::atomic<int> count{0};
  const std::filesystem::path in = folder.empty()
                                       ? std::filesystem::temp_directory_path()
                                       : std::filesystem::path(folder);
  return (in / ("sailer-checkpoint-" + std::to_string(::getpid()) + "-" +
                std::to_string(count++) + ".safetensors"))
      .string();
}

}  // namespace

void write_state(const std::string& path,
                 const std::vector<NamedTensor>& tensors, bool durable) {
  TensorFile file{kKind, kVersion, "{}", {}};
  for (const NamedTensor& entry : tensors) {
    const at::ScalarType type = entry.tensor.scalar_type();
    const auto* known =
        std::find_if(std::begin(kTypes), std::end(kTypes),
                     [&](const Type& of) { return of.tensor == type; });
    if (known == std::end(kTypes)) {
      throw Error(ErrorKind::kArgument,
                  "The tensor '" + entry.name + "' is of type " +
                      at::toString(type) +
                      "; files take float32, float64 and int64.");
    }
    const at::Tensor values = entry.tensor.detach().to(at::kCPU).contiguous();
    file.tensors.push_back(
        {entry.name, known->stored, values.sizes().vec(),
         std::shared_ptr<const void>(values.data_ptr(), [values](auto*) {})});
  }
  write_tensor_file(path, file, durable);
}

std::vector<NamedTensor> read_state(const std::string& path) {
  std::vector<NamedTensor> out;
  for (const StoredTensor& entry :
       read_tensor_file(path, kKind, kVersion).tensors) {
    const auto* known =
        std::find_if(std::begin(kTypes), std::end(kTypes),
                     [&](const Type& of) { return of.stored == entry.dtype; });
    if (known == std::end(kTypes)) {
      throw Error(ErrorKind::kFile, "The file '" + path + "' holds '" +
                                        entry.name + "' of type " +
                                        entry.dtype +
                                        ", which no state of training has.");
    }
    out.push_back(
        {entry.name, at::from_blob(
                         const_cast<void*>(entry.data.get()), entry.shape,
                         [data = entry.data](void*) {}, known->tensor)});
  }
  return out;
}

CheckpointFile::CheckpointFile(const Checkpoint& checkpoint)
    : temporary_(checkpoint.path.empty()),
      path_(temporary_ ? temporary_file(checkpoint.folder) : checkpoint.path),
      every_(checkpoint.every) {}

CheckpointFile::~CheckpointFile() {
  if (temporary_) ::unlink(path_.c_str());
}

bool CheckpointFile::save(const std::vector<NamedTensor>& state,
                          double progress) {
  try {
    write_state(path_, state, /*durable=*/!temporary_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kFile) throw;
    failure_ = error.what();
    return false;
  }
  there_ = true;
  saved_at_ = progress;
  return true;
}

bool CheckpointFile::is_due(double progress) const {
  constexpr double kRounding = 1e-9;
  return progress - saved_at_ >= every_ - kRounding;
}

}  // namespace sailer
