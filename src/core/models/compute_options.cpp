#include "compute_options.h"

#include "../support/names.h"

namespace sailer {
namespace {

const Names<Engine>& engine_names() {
  static const Names<Engine> names = {{"fused", Engine::kFused},
                                      {"tensor", Engine::kTensor},
                                      {"dense", Engine::kDense}};
  return names;
}

const Names<Precision>& precision_names() {
  static const Names<Precision> names = {{"float32", Precision::kFloat32},
                                         {"bf16", Precision::kBf16}};
  return names;
}

const Names<ReconstructionMethod>& reconstruction_names() {
  static const Names<ReconstructionMethod> names = {
      {"exact", ReconstructionMethod::kExact},
      {"sampled", ReconstructionMethod::kSampled}};
  return names;
}

}  // namespace

Engine parse_engine(const std::string& name) {
  return parse(engine_names(), "engine", name);
}

Precision parse_precision(const std::string& name) {
  return parse(precision_names(), "precision", name);
}

ReconstructionMethod parse_reconstruction(const std::string& name) {
  return parse(reconstruction_names(), "reconstruction", name);
}

std::string name_of(Precision precision) {
  return name_in(precision_names(), precision);
}

std::string name_of(ReconstructionMethod method) {
  return name_in(reconstruction_names(), method);
}

}  // namespace sailer
