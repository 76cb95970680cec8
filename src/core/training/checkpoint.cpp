#include "checkpoint.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "../support/error.h"

namespace sailer {
namespace {

constexpr char kKind[] = "training state";
constexpr int kVersion = 2;  // the first was HDF5

// Types of tensors that files can hold.
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

StoredTensor to_stored(const NamedTensor& entry) {
  const at::Tensor values = entry.tensor.detach().to(at::kCPU).contiguous();
  for (const Type& type : kTypes) {
    if (type.tensor != values.scalar_type()) continue;
    return {entry.name, type.stored, values.sizes().vec(),
            std::shared_ptr<const void>(values.data_ptr(), [values](auto*) {})};
  }
  throw_error(ErrorKind::kArgument, "The tensor '", entry.name, "' is of type ",
              at::toString(values.scalar_type()),
              "; files take float32, float64 and int64.");
}

NamedTensor from_stored(const StoredTensor& entry) {
  for (const Type& type : kTypes) {
    if (type.stored != entry.dtype) continue;
    return {entry.name, at::from_blob(
                            const_cast<void*>(entry.data.get()), entry.shape,
                            [data = entry.data](void*) {}, type.tensor)};
  }
  throw_error(ErrorKind::kFile, "The tensor '", entry.name, "' is of type ",
              entry.dtype, ", which no training state has.");
}

void write_state(const std::string& path,
                 const std::vector<NamedTensor>& tensors, bool durable) {
  TensorFile file{kKind, kVersion, "{}", {}};
  for (const NamedTensor& entry : tensors) {
    file.tensors.push_back(to_stored(entry));
  }
  write_tensor_file(path, file, durable);
}

std::vector<NamedTensor> read_state(const std::string& path) {
  std::vector<NamedTensor> out;
  for (const StoredTensor& entry :
       read_tensor_file(path, kKind, kVersion).tensors) {
    out.push_back(from_stored(entry));
  }
  return out;
}

CheckpointFile::CheckpointFile(const Checkpoint& checkpoint)
    : temporary_(checkpoint.path.empty()),
      path_(temporary_ ? temporary_file(checkpoint.folder) : checkpoint.path),
      every_(checkpoint.every),
      steps_(checkpoint.steps) {}

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
