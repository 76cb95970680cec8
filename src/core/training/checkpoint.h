// The file in which a run leaves its state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../support/parameters.h"
#include "../support/tensor_file.h"

namespace sailer {

// Tensors between LibTorch and files. They share their memory where they can.
// Throw an Error for types that the other side has not.
StoredTensor to_stored(const NamedTensor& tensor);
NamedTensor from_stored(const StoredTensor& tensor);

// Tensors of a run in a file of their own (support/tensor_file.h), replaced at
// once. On any device; as they come back they are on the CPU. `durable` = false
// does without the disk's word. Throw Error(kFile).
void write_state(const std::string& path,
                 const std::vector<NamedTensor>& tensors, bool durable = true);
std::vector<NamedTensor> read_state(const std::string& path);

// Where a run leaves its state: to go back to when the loss is no longer
// finite, and to be resumed after a crash.
struct Checkpoint {
  std::string path;  // file
  double every = 1;  // epochs between two checkpoints; may be below 1
  // Without a path: where the run keeps a file of its own for its time. Empty:
  // the system's folder for such files. Where the disk does not take it, only
  // going back finds it missing or old.
  std::string folder;
  // It is written after the first epoch, and then after one with so many steps
  // behind it since: writing costs what some steps do, and epochs of few cells
  // have few.
  int64_t steps = 400;
};

class CheckpointFile {
 public:
  explicit CheckpointFile(const Checkpoint& checkpoint);
  ~CheckpointFile();
  CheckpointFile(const CheckpointFile&) = delete;
  CheckpointFile& operator=(const CheckpointFile&) = delete;

  // Replaces the file by what stands at `progress`, in epochs. False where the
  // disk does not take it: failure() says why, and the file is that of before.
  bool save(const std::vector<NamedTensor>& state, double progress);
  std::vector<NamedTensor> read() const { return read_state(path_); }

  bool is_temporary() const { return temporary_; }
  bool is_there() const { return there_; }
  // Whether `every` epochs have passed since the file was written.
  bool is_due(double progress) const;
  // The same of a temporary file after an epoch, `steps` after it was written.
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
