#include "full_disk.h"

#include <unistd.h>

#include <filesystem>
#include <memory>

#include "catch.h"
#include "core/support/error.h"
#include "trainer_helpers.h"

namespace full_disk_test {

using namespace sailer;
using namespace sailer_test;

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() /
                  ("sailer-full-disk-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::string file() const { return (path / "state.safetensors").string(); }
  size_t n_files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator()));
  }
};

}  // namespace

TEST_CASE("a run ends with its results if a checkpoint cannot be written",
          "[trainer]") {
  TrainOptions options = short_training();
  const Run whole = run(options);
  const Folder folder;
  Given given;
  given.checkpoint.path = folder.file();

  SECTION("in the middle of an epoch") {
    given.checkpoint.every = 0.5;
    Filler full(14);  // 6 minibatches per epoch
    const Run stopped = run(options, full, given);
    REQUIRE(stopped.result.status == TrainStatus::kInterrupted);
    REQUIRE(stopped.result.unsaved.find(folder.file()) != std::string::npos);
    REQUIRE(stopped.result.history.size() == 2);
    full.disk.reset();

    // The file still holds the previous checkpoint, complete, and there is no
    // other.
    REQUIRE(folder.n_files() == 1);
    Given saved = given;
    saved.from = read_state(folder.file());
    REQUIRE(same_bits(run(options, saved).state, whole.state));
    Given kept = given;
    kept.from = stopped.progress;
    const Run resumed = run(options, kept);
    REQUIRE(same_bits(resumed.state, whole.state));
    REQUIRE(resumed.result.unsaved.empty());
    REQUIRE(resumed.result.status == TrainStatus::kCompleted);
  }
  SECTION("between two epochs") {
    Filler full(17);
    const Run stopped = run(options, full, given);
    REQUIRE(stopped.result.status == TrainStatus::kInterrupted);
    REQUIRE(stopped.result.history.size() == 3);
    full.disk.reset();
    Given kept = given;
    kept.from = stopped.progress;
    REQUIRE(same_bits(run(options, kept).state, whole.state));
  }
  SECTION("at the end: only the file is missing") {
    Filler full(6 * 11 + 2);
    const Run ended = run(options, full, given);
    REQUIRE(ended.result.status == TrainStatus::kCompleted);
    REQUIRE_FALSE(ended.result.unsaved.empty());
    REQUIRE(same_bits(ended.state, whole.state));
    full.disk.reset();
    given.from = read_state(folder.file());
    REQUIRE(same_bits(run(options, given).state, whole.state));
  }
  SECTION("before any work it is an error") {
    const FullDisk full;
    REQUIRE_THROWS_AS(run(options, given), Error);
    REQUIRE(folder.n_files() == 0);
  }
}

TEST_CASE("a full disk for the temporary checkpoint does not end a run",
          "[trainer]") {
  const Folder folder;
  TrainOptions options = short_training();
  options.epochs = 2;
  Given given;
  given.checkpoint.folder = folder.path.string();
  const FullDisk full;
  const Run done = run(options, given);
  REQUIRE(done.result.status == TrainStatus::kCompleted);
  REQUIRE(done.result.unsaved.empty());
  REQUIRE(folder.n_files() == 0);
}

}  // namespace full_disk_test
