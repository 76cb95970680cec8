// The file in which a run saves its state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../support/parameters.h"
#include "../support/tensor_file.h"

namespace sailer {

// Convert tensors between LibTorch and files, sharing memory if possible. Throw
// an Error if the other side does not support the type.
StoredTensor to_stored(const NamedTensor& tensor);
NamedTensor from_stored(const StoredTensor& tensor);

// Write the tensors of a run to their own file (support/tensor_file.h), which
// is replaced atomically, and read them back. Tensors to write may be on any
// device; those read are on the CPU. With `durable` = false the write does not
// wait until the disk has the data. Throw Error(kFile) on failure.
void write_state(const std::string& path,
                 const std::vector<NamedTensor>& tensors, bool durable = true);
std::vector<NamedTensor> read_state(const std::string& path);

// Where a run saves its state: to roll back to if the loss is no longer finite,
// and to resume from after a crash.
struct Checkpoint {
  std::string path;  // file
  double every = 1;  // epochs between two checkpoints; may be below 1
  // Without a path, the folder of a temporary file that exists as long as the
  // run; empty: the system's temporary folder. If the file cannot be written,
  // the run continues: only a rollback then finds it missing or old.
  std::string folder;
  // The temporary file is first written when a run is resumed, or after its
  // first epoch, and then after an epoch if at least this many steps were taken
  // since: writing costs as much as several steps, and epochs of few cells have
  // few steps.
  int64_t steps = 400;
};

class CheckpointFile {
 public:
  explicit CheckpointFile(const Checkpoint& checkpoint);
  ~CheckpointFile();
  CheckpointFile(const CheckpointFile&) = delete;
  CheckpointFile& operator=(const CheckpointFile&) = delete;

  // Replaces the file with `state`, reached at `progress` (in epochs). Returns
  // false if it cannot be written: failure() says why, and the file still holds
  // the previous checkpoint.
  bool save(const std::vector<NamedTensor>& state, double progress);
  std::vector<NamedTensor> read() const { return read_state(path_); }

  bool is_temporary() const { return temporary_; }
  bool is_there() const { return there_; }
  // Whether `every` epochs have passed since the file was written.
  bool is_due(double progress) const;
  // The same for a temporary file at the end of an epoch, if `steps` steps were
  // taken since it was written.
  bool is_due_after(int64_t steps) const { return !there_ || steps >= steps_; }
  double saved_at() const { return saved_at_; }
  const std::string& failure() const { return failure_; }

 private:
  bool temporary_;
  std::string path_;
  double every_;
  int64_t steps_;
  bool there_ = false;
  double saved_at_ = 0;  // progress
  std::string failure_;
};

}  // namespace sailer
