// The training loop with the operations of a device, run on the CPU: no
// operation fetches a value or moves memory.
#include <algorithm>

#include "catch.h"
#include "core/training/adam.h"
#include "core/training/loss_meter.h"
#include "expresser_helpers.h"
#include "operations.h"
#include "stream_sources.h"
#include "trainer_helpers.h"

namespace device_loop_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// On a CPU the loss is checked after each step, which costs nothing there.
const std::vector<std::string> kLossOnCpu = {"aten::item",
                                             "aten::_local_scalar_dense"};

// A whole step except for Adam's last part, which has its own test.
std::function<void()> step_of(Task& task, int64_t epoch, Adam& adam,
                              LossMeter& meter) {
  return [&task, epoch, &adam, &meter] {
    REQUIRE(task.next());
    adam.begin_step(0.01);
    const StepLoss loss = task.step(adam, epoch, 0, /*layers_may_step=*/false);
    clip_gradients(task.parameters().parameters(), 1);
    meter.add(loss, 0);
  };
}

void require_no_waits(Task& task, int64_t epoch) {
  Adam adam(task.parameters().parameters(), 0.01, Engine::kTensor);
  LossMeter meter(std::vector<double>(task.columns().parts.size(), 0), 0);
  const auto step = step_of(task, epoch, adam, meter);
  task.start_epoch(epoch, 0);
  step();  // buffers that are kept between steps are made once
  adam.finish_step();
  // Every call is given the size of its output, so it does not wait.
  std::vector<std::string> waits = waits_of(step);
  waits.erase(
      std::remove(waits.begin(), waits.end(), "aten::repeat_interleave"),
      waits.end());
  REQUIRE(waits == kLossOnCpu);
  REQUIRE(moves_of(step) == std::vector<std::string>{});
}

}  // namespace

TEST_CASE("a step of Expresser's training neither waits nor moves memory") {
  ExpresserOptions options = tiny_expresser();
  options.decoder = GENERATE(true, false);
  options.expression = GENERATE(Expression::kCounts, Expression::kBinned);
  ExpresserModel model(options, 24, 3);
  PretrainOptions training = brief_pretraining();
  training.compute = {Engine::kTensor,
                      GENERATE(Precision::kFloat32, Precision::kBf16)};
  ExpresserTask task(model, two_kinds(30, 24), split_at(30, 0), training);
  require_no_waits(task, 0);
}

TEST_CASE("a step of SAILER's training neither waits nor moves memory") {
  SailerOptions options = small_model();
  options.dropout = 0;  // because its CPU form draws a seed
  options.decoder = GENERATE(Decoder::kMirrored, Decoder::kLinear);
  const bool resident = GENERATE(true, false);
  const bool labelled = GENERATE(true, false);
  const int64_t epoch = GENERATE(0, 5);  // during and after the warm-up
  const ConfounderMatrix known =
      labelled ? cell_labels(kCells)
               : confounders_of_numbers(1, std::vector<float>(kCells, 0));
  StreamOptions streamed;
  streamed.batch_size = 20;
  streamed.force_resident = resident;
  std::vector<int32_t> map(kPeaks);
  for (int32_t p = 0; p < kPeaks; ++p) map[p] = p;
  BatchStream stream(two_types(), map, known, streamed);
  REQUIRE(stream.resident() == resident);
  SailerModel model(options, PeakLayout({kPeaks}), known.width, {}, 1);
  TrainOptions training = short_training();
  training.compute = {Engine::kTensor,
                      GENERATE(Precision::kFloat32, Precision::kBf16)};
  model.set_compute(training.compute);
  SailerTask task(model, stream, split_cells(kCells, 0, 1), training);
  require_no_waits(task, epoch);
}

}  // namespace device_loop_test
