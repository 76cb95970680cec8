#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "catch.h"
#include "core/models/decode.h"
#include "core/support/error.h"
#include "torch_helpers.h"

namespace decode_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kConfounders = 3;

SailerModel make_model(Architecture architecture, Decoder decoder,
                       at::ScalarType type = at::kDouble) {
  SailerOptions options = default_options(architecture);
  options.n_latent = 3;
  options.hidden = {6, 4};
  options.decoder = decoder;
  const PeakLayout layout(architecture == Architecture::kChromosome
                              ? std::vector<int64_t>{9, 4, 12}
                              : std::vector<int64_t>{25});
  SailerModel model(options, layout, kConfounders, {}, 5, at::kCPU, type);
  // Running statistics as after training.
  uint64_t seed = 40;
  for (const NamedTensor& entry : model.parameters().tensors()) {
    const bool variance = entry.name.find("variance") != std::string::npos;
    at::Tensor tensor = entry.tensor;
    at::NoGradGuard no_grad;
    const at::Tensor noise = random_tensor(tensor.sizes(), ++seed).to(type);
    if (variance && tensor.dim() == 1) {
      tensor.copy_(noise.abs() + 0.5);
    } else {
      tensor.add_(noise, 0.3);
    }
  }
  return model;
}

// The whole output at once, [cells, peaks] in double precision.
at::Tensor decoded(const SailerModel& model, const at::Tensor& z,
                   const at::Tensor& c, const std::vector<int64_t>& peaks,
                   const DecodeOptions& options) {
  const auto n_peaks = static_cast<int64_t>(peaks.size());
  at::Tensor out = at::full({z.size(0), n_peaks}, NAN, doubles());
  Monitor monitor;
  const bool done = decode_peaks(
      model, z, c, peaks, options,
      [&](const DecodedBlock& block) {
        REQUIRE(block.values.size(0) <= options.n_cells);
        REQUIRE(block.values.size(1) <= options.n_peaks);
        REQUIRE(block.values.is_contiguous());
        out.slice(0, block.first_cell, block.first_cell + block.values.size(0))
            .slice(1, block.first_peak, block.first_peak + block.values.size(1))
            .copy_(block.values);
      },
      monitor);
  REQUIRE(done);
  return out;
}

// An independent reading of the state by name, with loops over units.
using Values = std::vector<double>;

struct State {
  std::vector<NamedTensor> tensors;
  at::Tensor get(const std::string& name) const {
    for (const NamedTensor& entry : tensors) {
      if (entry.name == name) return entry.tensor.detach().to(at::kDouble);
    }
    FAIL("no " << name);
    return {};
  }
};

Values linear(const State& state, const std::string& name, const Values& x) {
  const at::Tensor weight = state.get(name + ".weight");  // [groups, in, out]
  const at::Tensor bias = state.get(name + ".bias");
  const int64_t groups = weight.size(0), in = weight.size(1);
  const int64_t out = weight.size(2);
  Values y;
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = bias[g * out + o].item<double>();
      for (int64_t i = 0; i < in; ++i) {
        sum += x[g * in + i] * weight[g][i][o].item<double>();
      }
      y.push_back(sum);
    }
  }
  return y;
}

Values norm_and_activation(const State& state, const std::string& name,
                           Values x, bool chromosome) {
  const auto norm = [&](const char* what) {
    return state.get(name + ".norm." + what);
  };
  const at::Tensor weight = norm("weight"), bias = norm("bias");
  const at::Tensor mean = norm("mean"), variance = norm("variance");
  const double slope =
      chromosome ? state.get(name + ".slope").item<double>() : 0.2;
  for (size_t k = 0; k < x.size(); ++k) {
    const auto at = [&](const at::Tensor& t) {
      return t[static_cast<int64_t>(k)].item<double>();
    };
    x[k] = (x[k] - at(mean)) / std::sqrt(at(variance) + 1e-5) * at(weight) +
           at(bias);
    if (x[k] < 0) x[k] *= slope;
  }
  return x;
}

double dense_probability(SailerModel& model, Values x, int64_t peak,
                         double shift) {
  const State state{model.parameters().tensors()};
  const bool chromosome =
      model.options().architecture == Architecture::kChromosome;
  if (model.options().decoder == Decoder::kMirrored) {
    for (int k = 0; k < 2; ++k) {
      const std::string name = "decoder." + std::to_string(k);
      x = norm_and_activation(state, name, linear(state, name, x), chromosome);
    }
  }
  const at::Tensor weight = state.get("decoder.output.weight");
  const int64_t width = weight.size(1);
  const int64_t group = model.output_layout().group_of(peak);
  double logit = state.get("decoder.output.bias")[peak].item<double>() + shift;
  for (int64_t k = 0; k < width; ++k) {
    logit += x[group * width + k] * weight[peak][k].item<double>();
  }
  return 1 / (1 + std::exp(-logit));
}

std::vector<SailerModel> models() {
  std::vector<SailerModel> all;
  for (Architecture a : {Architecture::kDense, Architecture::kChromosome}) {
    for (Decoder d : {Decoder::kMirrored, Decoder::kLinear}) {
      all.push_back(make_model(a, d));
    }
  }
  return all;
}

std::vector<int64_t> shuffled_peaks(uint64_t seed) {
  std::vector<int64_t> peaks(25);
  std::iota(peaks.begin(), peaks.end(), 0);
  std::mt19937_64 engine(seed);
  std::shuffle(peaks.begin(), peaks.end(), engine);
  return peaks;
}

}  // namespace

TEST_CASE("decoded probabilities equal those of a loop over units",
          "[decode]") {
  const at::Tensor z = random_tensor({7, 3}, 1);
  const at::Tensor c = random_tensor({7, kConfounders}, 2);
  const std::vector<int64_t> peaks = shuffled_peaks(3);
  DecodeOptions options;
  options.shift = -0.7;
  options.n_cells = 3;
  options.n_peaks = 10;
  for (SailerModel& model : models()) {
    const at::Tensor found = decoded(model, z, c, peaks, options);
    for (int64_t i = 0; i < 7; ++i) {
      Values x;
      for (int64_t k = 0; k < 3; ++k) x.push_back(z[i][k].item<double>());
      for (int64_t k = 0; k < kConfounders; ++k) {
        x.push_back(c[i][k].item<double>());
      }
      for (size_t k = 0; k < peaks.size(); ++k) {
        const double expected =
            dense_probability(model, x, peaks[k], options.shift);
        REQUIRE(found[i][static_cast<int64_t>(k)].item<double>() ==
                Approx(expected).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("neither blocks nor the order of the peaks change values",
          "[decode]") {
  const at::Tensor z = random_tensor({11, 3}, 1);
  const at::Tensor c = random_tensor({1, kConfounders}, 2);
  const std::vector<int64_t> natural = [] {
    std::vector<int64_t> all(25);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }();
  const std::vector<int64_t> peaks = shuffled_peaks(4);
  for (SailerModel& model : models()) {
    const at::Tensor whole = decoded(model, z, c, natural, {});
    for (int64_t n_cells : {1, 4, 11, 50}) {
      for (int64_t n_peaks : {1, 7, 25, 100}) {
        const at::Tensor found =
            decoded(model, z, c, peaks, {0, n_cells, n_peaks});
        const at::Tensor expected =
            whole.index_select(1, at::tensor(peaks, at::kLong));
        REQUIRE(at::allclose(found, expected, 1e-12, 1e-14));
      }
    }
    // A single row of confounders applies to every cell.
    REQUIRE(at::allclose(
        decoded(model, z, c.expand({11, kConfounders}), natural, {}), whole,
        1e-12, 1e-14));
    // Repeated peaks and subsets.
    const at::Tensor twice = decoded(model, z, c, {20, 3, 20}, {});
    REQUIRE(at::allclose(twice.select(1, 0), twice.select(1, 2), 1e-12, 1e-14));
    REQUIRE(at::allclose(twice.select(1, 1), whole.select(1, 3)));
    REQUIRE(decoded(model, z, c, {}, {}).size(1) == 0);
  }
}

TEST_CASE("a float model decodes double inputs", "[decode]") {
  SailerModel model =
      make_model(Architecture::kDense, Decoder::kMirrored, at::kFloat);
  SailerModel twin =
      make_model(Architecture::kDense, Decoder::kMirrored, at::kDouble);
  twin.parameters().load_state(model.parameters().state());
  const at::Tensor z = random_tensor({5, 3}, 1);
  const at::Tensor c = random_tensor({5, kConfounders}, 2);
  const std::vector<int64_t> peaks = shuffled_peaks(3);
  const at::Tensor found = decoded(model, z, c, peaks, {});
  REQUIRE(found.min().item<double>() > 0);
  REQUIRE(found.max().item<double>() < 1);
  REQUIRE(at::allclose(found, decoded(twin, z, c, peaks, {}), 1e-5, 1e-7));
}

TEST_CASE("decoding does not change the model and stops on request",
          "[decode]") {
  SailerModel model = make_model(Architecture::kDense, Decoder::kMirrored);
  std::vector<at::Tensor> before;
  for (const NamedTensor& entry : model.parameters().tensors()) {
    before.push_back(entry.tensor.clone());
  }
  struct Impatient : Monitor {
    int calls = 0;
    bool keep_going(const Progress&) override { return ++calls < 3; }
  } impatient;
  int blocks = 0;
  const bool done = decode_peaks(
      model, random_tensor({10, 3}, 1), random_tensor({1, kConfounders}, 2),
      {0, 1, 2}, {0, 2, 2}, [&](const DecodedBlock&) { ++blocks; }, impatient);
  REQUIRE(!done);
  REQUIRE(blocks == 2);
  size_t k = 0;
  for (const NamedTensor& entry : model.parameters().tensors()) {
    REQUIRE(at::equal(entry.tensor, before[k++]));
  }
}

TEST_CASE("a request that does not fit the model is refused", "[decode]") {
  const SailerModel model =
      make_model(Architecture::kChromosome, Decoder::kMirrored);
  const at::Tensor z = random_tensor({4, 3}, 1);
  const at::Tensor c = random_tensor({1, kConfounders}, 2);
  Monitor monitor;
  const auto decode = [&](const at::Tensor& points, const at::Tensor& given,
                          const std::vector<int64_t>& peaks) {
    decode_peaks(
        model, points, given, peaks, {}, [](const DecodedBlock&) {}, monitor);
  };
  REQUIRE_THROWS_AS(decode(random_tensor({4, 2}, 1), c, {0}), Error);
  REQUIRE_THROWS_AS(decode(z, random_tensor({1, 2}, 1), {0}), Error);
  REQUIRE_THROWS_AS(decode(z, random_tensor({3, kConfounders}, 1), {0}), Error);
  REQUIRE_THROWS_AS(decode(z, c, {25}), Error);
  REQUIRE_THROWS_AS(decode(z, c, {-1}), Error);
}

}  // namespace decode_test
