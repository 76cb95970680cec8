#include <algorithm>

#include "catch.h"
#include "core/models/expresser_model.h"
#include "operations.h"
#include "plain_expresser.h"
#include "torch_helpers.h"

namespace expresser_model_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kGenes = 30;

ExpresserOptions small() {
  ExpresserOptions options;
  options.n_embedding = 6;
  options.n_layers = 2;
  options.n_heads = 2;
  options.n_bins = 7;
  options.dropout = 0;
  return options;
}

NormalizedCell random_cell(int64_t n, uint64_t seed) {
  NormalizedCell cell;
  std::mt19937_64 engine(seed);
  for (int64_t gene : choose(kGenes, n, seed)) {
    cell.genes.push_back(static_cast<int32_t>(gene));
    cell.values.push_back(static_cast<float>(0.5 + 3 * uniform_unit(engine)));
  }
  cell.per_count = 0.4f;
  return cell;
}

PlainCell plain_cell(const HostTokens& tokens, int64_t i) {
  const auto part = [i](const auto& values, const auto& starts, auto& out) {
    out.assign(values.begin() + starts[i], values.begin() + starts[i + 1]);
  };
  PlainCell cell;
  part(tokens.genes, tokens.token_starts, cell.genes);
  part(tokens.bins, tokens.observed_starts, cell.bins);
  part(tokens.values, tokens.observed_starts, cell.values);
  part(tokens.log_counts, tokens.observed_starts, cell.log_counts);
  if (tokens.masked_starts[i] == tokens.masked_starts[i + 1]) return cell;
  cell.largest = tokens.largest[tokens.masked_starts[i]];
  cell.per_count = tokens.per_count[tokens.masked_starts[i]];
  return cell;
}

HostTokens tokens_of(const ExpresserModel& model,
                     const std::vector<NormalizedCell>& cells) {
  HostTokens tokens;
  for (size_t i = 0; i < cells.size(); ++i) {
    append_training_cell(cells[i], model.token_options(), 100 + i, tokens);
  }
  return tokens;
}

const std::vector<NormalizedCell>& three_cells() {
  static const std::vector<NormalizedCell> cells = {
      random_cell(9, 1), random_cell(2, 2), random_cell(17, 3)};
  return cells;
}

// A model none of whose parameters has a value that would hide a mistake.
ExpresserModel make_model(const ExpresserOptions& options,
                          at::ScalarType type = at::kDouble) {
  ExpresserModel model(options, kGenes, 1, at::kCPU, type);
  at::NoGradGuard no_grad;
  const at::Generator generator = make_generator(at::kCPU, 9);
  for (const NamedTensor& entry : model.parameters().tensors()) {
    at::Tensor value = at::empty(entry.tensor.sizes(), doubles());
    value.normal_(0, 0.3, generator);
    at::Tensor parameter = entry.tensor;
    parameter.add_(value.to(type));
  }
  return model;
}

}  // namespace

TEST_CASE("the model equals plain loops, in every form and engine") {
  ExpresserOptions options = small();
  options.decoder = GENERATE(true, false);
  options.layout = GENERATE(NormLayout::kPreNorm, NormLayout::kPostNorm);
  options.expression = GENERATE(Expression::kCounts, Expression::kBinned);
  options.token_start = GENERATE(TokenStart::kComponents, TokenStart::kRandom);
  options.feed_forward = 11;
  ExpresserModel model = make_model(options);
  const PlainExpresser plain(model);
  const HostTokens tokens = tokens_of(model, three_cells());
  const GeneBatch batch = to_batch(HostTokens(tokens), model.tensor_options());
  for (Engine engine : {Engine::kFused, Engine::kTensor}) {
    ComputeOptions compute;
    compute.engine = engine;
    model.set_compute(compute);
    const at::Tensor found = model.predict(batch, /*training=*/true);
    const at::Tensor context = model.encode(batch, /*training=*/true);
    REQUIRE(found.numel() == 9);
    for (int64_t i = 0; i < 3; ++i) {
      const PlainCell cell = plain_cell(tokens, i);
      const int64_t first = tokens.masked_starts[i];
      const Row expected = plain.predict(cell);
      for (size_t k = 0; k < expected.size(); ++k) {
        REQUIRE(found[first + static_cast<int64_t>(k)].item<double>() ==
                Approx(expected[k]).epsilon(1e-10));
      }
      const Rows encoded = plain.encode(cell.genes);
      for (size_t k = 0; k < cell.genes.size(); ++k) {
        REQUIRE(context[tokens.token_starts[i] + static_cast<int64_t>(k)][1]
                    .item<double>() == Approx(encoded[k][1]).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("gradients of all parameters agree with finite differences") {
  ExpresserOptions options = small();
  options.decoder = GENERATE(true, false);
  options.expression = GENERATE(Expression::kCounts, Expression::kBinned);
  ExpresserModel model = make_model(options);
  const GeneBatch batch =
      to_batch(tokens_of(model, three_cells()), model.tensor_options());
  const auto loss = [&] {
    return (model.predict(batch, true) - batch.targets).square().mean();
  };
  for (const NamedTensor& entry : model.parameters().parameters()) {
    INFO(entry.name);
    REQUIRE(gradient_error(entry.tensor, loss, 6) < 1e-7);
  }
}

TEST_CASE("bf16 stays within its rounding, with both engines") {
  ExpresserOptions options = small();
  options.n_embedding = 16;
  options.layout = GENERATE(NormLayout::kPreNorm, NormLayout::kPostNorm);
  options.decoder = GENERATE(true, false);
  const Engine engine = GENERATE(Engine::kFused, Engine::kTensor);
  ExpresserModel model = make_model(options, at::kFloat);
  const GeneBatch batch =
      to_batch(tokens_of(model, three_cells()), model.tensor_options());
  const auto step = [&](Precision precision) {
    model.set_compute({engine, precision});
    std::vector<at::Tensor> out = {model.predict(batch, /*training=*/true)};
    (out[0] - batch.targets).square().mean().backward();
    for (const NamedTensor& entry : model.parameters().parameters()) {
      at::Tensor parameter = entry.tensor;
      REQUIRE(parameter.grad().scalar_type() == at::kFloat);
      out.push_back(parameter.grad().clone());
      parameter.mutable_grad().reset();
    }
    return out;
  };
  const auto expected = step(Precision::kFloat32),
             found = step(Precision::kBf16);
  REQUIRE(found[0].scalar_type() == at::kFloat);
  REQUIRE_FALSE(at::equal(found[0], expected[0]));
  double largest = 0;  // gradient; that of a key's bias is zero
  for (size_t k = 1; k < found.size(); ++k) {
    largest = std::max(largest, expected[k].norm().item<double>());
  }
  for (size_t k = 0; k < found.size(); ++k) {
    const double size = expected[k].norm().item<double>();
    const double error = (found[k] - expected[k]).norm().item<double>();
    INFO(k << ": " << error << " of " << size);
    REQUIRE(error < (k == 0 ? 0.05 * size : 0.2 * size + 0.02 * largest));
  }
  // Layers pass on narrow values only where memory is the limit.
  const at::Tensor tokens = model.encode(batch, /*training=*/true);
  REQUIRE((tokens.scalar_type() == at::kBFloat16) ==
          (engine == Engine::kTensor));
  REQUIRE(model.encode(batch, /*training=*/false).scalar_type() == at::kFloat);
}

TEST_CASE("the pieces of a step share one narrow copy of the weights") {
  ExpresserModel model = make_model(small(), at::kFloat);
  model.set_compute({Engine::kTensor, Precision::kBf16});
  const GeneBatch batch =
      to_batch(tokens_of(model, three_cells()), model.tensor_options());
  const auto narrowed = [&] {
    const auto all = operations_of([&] { model.predict(batch, true); });
    return std::count_if(all.begin(), all.end(), [](const Operation& one) {
      return one.name == "aten::_to_copy";
    });
  };
  model.start_step(1);
  const auto first = narrowed(), second = narrowed();
  REQUIRE(second < first);
  {
    at::NoGradGuard no_grad;
    for (const NamedTensor& entry : model.parameters().parameters()) {
      at::Tensor parameter = entry.tensor;
      parameter.mul_(1.5);
    }
  }
  const at::Tensor old = model.predict(batch, true);
  model.start_step(2);
  REQUIRE(narrowed() == first);
  REQUIRE_FALSE(at::equal(model.predict(batch, true), old));
}

TEST_CASE("a masked expression never reaches its own prediction") {
  ExpresserOptions options = small();
  options.decoder = GENERATE(true, false);
  const ExpresserModel model = make_model(options);
  const auto predictions = [&](float factor) {
    // The seed, and so the masked genes, stay the same; only masked values
    // change.
    NormalizedCell cell = random_cell(17, 3);
    HostTokens mask;
    append_training_cell(cell, model.token_options(), 5, mask);
    for (int64_t place : mask.masked) {
      for (size_t k = 0; k < cell.genes.size(); ++k) {
        if (cell.genes[k] == mask.genes[place]) cell.values[k] *= factor;
      }
    }
    HostTokens tokens;
    append_training_cell(cell, model.token_options(), 5, tokens);
    return model.predict(to_batch(std::move(tokens), model.tensor_options()),
                         false);
  };
  REQUIRE(at::equal(predictions(1), predictions(30)));
  // As the thesis is written, the largest value of a cell reveals masked ones.
  options.l_from = LargestFrom::kAll;
  const ExpresserModel leaking = make_model(options);
  HostTokens one, other;
  NormalizedCell cell = random_cell(17, 3);
  append_training_cell(cell, leaking.token_options(), 5, one);
  for (float& value : cell.values) value *= 2;
  append_training_cell(cell, leaking.token_options(), 5, other);
  REQUIRE(one.largest[0] != other.largest[0]);
}

TEST_CASE("an observed expression does reach the predictions") {
  const ExpresserModel model = make_model(small());
  const HostTokens tokens = tokens_of(model, {random_cell(17, 3)});
  HostTokens changed = tokens;
  changed.bins[0] = (changed.bins[0] + 3) % 7;
  const at::Tensor before = model.predict(
      to_batch(HostTokens(tokens), model.tensor_options()), false);
  const at::Tensor after = model.predict(
      to_batch(std::move(changed), model.tensor_options()), false);
  REQUIRE((before - after).abs().min().item<double>() > 1e-8);
}

TEST_CASE("neither packing nor order changes the results of a cell") {
  const ExpresserModel model = make_model(small(), at::kFloat);
  const auto& cells = three_cells();
  const auto run = [&](const std::vector<size_t>& order) {
    HostTokens tokens;
    for (size_t i : order) {
      append_training_cell(cells[i], model.token_options(), 100 + i, tokens);
    }
    return to_batch(std::move(tokens), model.tensor_options());
  };
  const GeneBatch together = run({0, 1, 2}), turned = run({2, 1, 0}),
                  alone = run({2});
  const auto last = [&](const GeneBatch& batch, int64_t i) {
    return model.predict(batch, false)
        .narrow(0, batch.masked_of.starts[i], batch.masked_of.length(i));
  };
  const auto near = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>() < 1e-6;
  };
  REQUIRE(near(last(together, 2), last(alone, 0)));
  REQUIRE(near(last(together, 2), last(turned, 0)));
  REQUIRE(near(model.embed(together)[2], model.embed(alone)[0]));
}

TEST_CASE("a cell's embedding is the mean of its contextual tokens") {
  ExpresserModel model = make_model(small());
  const HostTokens tokens = tokens_of(model, three_cells());
  const GeneBatch batch = to_batch(HostTokens(tokens), model.tensor_options());
  const Rows encoded = PlainExpresser(model).encode(
      {tokens.genes.begin() + 9, tokens.genes.begin() + 11});
  const at::Tensor found = model.embed(batch);
  for (int64_t u = 0; u < 6; ++u) {
    REQUIRE(found[1][u].item<double>() ==
            Approx((encoded[0][u] + encoded[1][u]) / 2));
  }
}

TEST_CASE("an embedding of cells depends on the amount of a gene") {
  ExpresserOptions options = small();
  options.decoder = GENERATE(true, false);
  options.expression = GENERATE(Expression::kCounts, Expression::kBinned);
  ExpresserModel model = make_model(options);
  HostTokens tokens;
  for (int64_t i = 0; i < 3; ++i) {
    const NormalizedCell& cell = three_cells()[i];
    const auto n = static_cast<int64_t>(cell.genes.size());
    append_query_cell(cell, choose(n, n, 7), nullptr, 0, model.token_options(),
                      tokens);
  }
  const PlainExpresser plain(model);
  const at::Tensor found =
      model.embed(to_batch(HostTokens(tokens), model.tensor_options()), true);
  for (int64_t i = 0; i < 3; ++i) {
    const Row expected = plain.embed(plain_cell(tokens, i));
    for (int64_t u = 0; u < 6; ++u) {
      REQUIRE(found[i][u].item<double>() == Approx(expected[u]).epsilon(1e-10));
    }
  }
}

TEST_CASE("dropout follows the step's seed, and only in training") {
  ExpresserOptions options = small();
  options.dropout = 0.4;
  ExpresserModel model = make_model(options);
  const GeneBatch batch =
      to_batch(tokens_of(model, three_cells()), model.tensor_options());
  const auto run = [&](uint64_t seed) {
    model.start_step(seed);
    return model.predict(batch, true);
  };
  const at::Tensor one = run(1), same = run(1), other = run(2);
  REQUIRE(at::equal(one, same));
  REQUIRE_FALSE(at::equal(one, other));
  REQUIRE(at::equal(model.predict(batch, false), model.predict(batch, false)));
}

TEST_CASE("bf16 training computes nearly the same, and reports in float32") {
  ExpresserModel model = make_model(small(), at::kFloat);
  const GeneBatch batch =
      to_batch(tokens_of(model, three_cells()), model.tensor_options());
  const at::Tensor exact = model.predict(batch, true);
  ComputeOptions compute;
  compute.precision = Precision::kBf16;
  model.set_compute(compute);
  const at::Tensor rounded = model.predict(batch, true);
  const double apart = (rounded - exact).abs().max().item<double>();
  REQUIRE(apart > 0);
  REQUIRE(apart < 0.05 * (1 + exact.abs().max().item<double>()));
  rounded.sum().backward();
  REQUIRE(model.gene_embedding().grad().scalar_type() == at::kFloat);
  REQUIRE(at::equal(model.predict(batch, false), exact));
}

TEST_CASE("predictions start near the mean expression") {
  ExpresserOptions options = small();
  options.expression = Expression::kBinned;
  const ExpresserModel model(options, kGenes, 1, at::kCPU, at::kDouble, 4.5);
  const GeneBatch batch =
      to_batch(tokens_of(model, three_cells()), model.tensor_options());
  REQUIRE(model.predict(batch, false).mean().item<double>() ==
          Approx(4.5).margin(2));
}

TEST_CASE("predictions do not start at minus infinity") {
  ExpresserOptions options = small();
  options.expression = Expression::kBinned;
  for (double mean : {0.0, std::nan("")}) {
    REQUIRE_THROWS_WITH(
        ExpresserModel(options, kGenes, 1, at::kCPU, at::kDouble, mean),
        contains("mean expression"));
  }
}

TEST_CASE("invalid options are refused by name") {
  ExpresserOptions options = small();
  options.n_heads = 4;
  REQUIRE_THROWS_WITH(options.check(), contains("`n_embedding`"));
  options = small();
  options.mask_ratio = 1;
  REQUIRE_THROWS_WITH(options.check(), contains("`mask_ratio`"));
  options = small();
  options.max_genes = 1;
  REQUIRE_THROWS_WITH(options.check(), contains("`max_genes`"));
}

}  // namespace expresser_model_test
