#include "compute_options.h"

#include "../support/names.h"

namespace sailer {
namespace {

const Names<Engine>& engine_names() {
  static const Names<Engine> names = {{"fused", Engine::kFused},
                                      {"tensor", Engine::kTensor}};
  return names;
}

const Names<Precision>& precision_names() {
  static const Names<Precision> names = {{"float32", Precision::kFloat32},
                                         {"bf16", Precision::kBf16}};
  return names;
}

}  // namespace

Engine parse_engine(const std::string& name) {
  return parse(engine_names(), "engine", name);
}

Precision parse_precision(const std::string& name) {
  return parse(precision_names(), "precision", name);
}

std::string name_of(Precision precision) {
  return name_in(precision_names(), precision);
}

}  // namespace sailer
