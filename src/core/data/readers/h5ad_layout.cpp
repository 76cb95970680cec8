#include "h5ad_layout.h"

#include <algorithm>

#include "../../support/error.h"
#include "count_check.h"

namespace sailer {

namespace {

using hdf5::Dataset;
using hdf5::File;
using Matrices = std::vector<H5adMatrix>;

// Values that are looked at to tell counts from what was made of them.
constexpr int64_t kLookedAt = 1 << 16;

std::vector<float> first_values(const File& file, const std::string& path) {
  const bool dense = file.is_dataset(path);
  const std::string name = dense ? path : path + "/data";
  if (!file.is_dataset(name)) return {};
  const Dataset dataset = file.dataset(name);
  hdf5::Extent some = dataset.shape();
  if (some.size() != (dense ? 2 : 1) || !dataset.holds_numbers()) return {};
  int64_t left = kLookedAt;
  for (size_t d = some.size(); d-- > 0; left /= std::max<int64_t>(1, some[d])) {
    some[d] = std::min(some[d], left);
  }
  std::vector<float> values(some.front() * (dense ? some.back() : 1));
  dataset.read(hdf5::Extent(some.size(), 0), some, values.data());
  return values;
}

// Whether the first values are counts, some of them above zero.
bool holds_counts(const File& file, const H5adMatrix& matrix) {
  double sum = 0;
  for (const float value : first_values(file, matrix.path)) {
    if (judge_count(whole_count(value)) != CountProblem::Kind::kNone) {
      return false;
    }
    sum += value;
  }
  return sum > 0;
}

std::vector<std::string> names_of(const Matrices& matrices) {
  std::vector<std::string> names;
  for (const H5adMatrix& matrix : matrices) names.push_back(matrix.name);
  return names;
}

const H5adMatrix* find(const Matrices& matrices, const std::string& name) {
  for (const H5adMatrix& matrix : matrices) {
    if (matrix.name == name) return &matrix;
  }
  return nullptr;
}

// `holding`: the matrices that hold counts, where there are several or none.
[[noreturn]] void fail_to_choose(const File& file, const Matrices& all,
                                 const Matrices& holding) {
  file.check(!all.empty(),
             "holds no counts: it has neither X, nor raw counts, nor layers");
  file.check(!holding.empty(), "has no X, and no counts (whole numbers) in ",
             quoted_list(names_of(all)),
             ". Name one with 'layer' to read it all the same");
  throw_error(ErrorKind::kArgument, "The file '", file.path(),
              "' has no counts in X, but in several other matrices; choose one "
              "with 'layer': ",
              quoted_list(names_of(holding)), ".");
}

H5adMatrix choose_unasked(const File& file, const Matrices& matrices) {
  const H5adMatrix* x = find(matrices, "X");
  if (x != nullptr && (matrices.size() == 1 || holds_counts(file, *x))) {
    return *x;
  }
  Matrices holding;
  for (const H5adMatrix& matrix : matrices) {
    if (&matrix != x && holds_counts(file, matrix)) holding.push_back(matrix);
  }
  for (const char* usual : {"counts", "raw"}) {
    if (const H5adMatrix* found = find(holding, usual)) return *found;
  }
  if (holding.size() == 1) return holding[0];
  if (holding.empty() && x != nullptr) return *x;
  fail_to_choose(file, matrices, holding);
}

}  // namespace

std::string h5ad_prefix(const File& file, const std::string& modality) {
  const std::vector<std::string> known = h5ad_modalities(file);
  if (known.empty() && modality.empty()) return "";
  require(!known.empty(), "The file '", file.path(),
          "' is no MuData, so it has no modality '", modality, "'.");
  require(std::count(known.begin(), known.end(), modality) > 0, "The file '",
          file.path(), "' ",
          modality.empty() ? "is MuData" : "has no modality '" + modality + "'",
          "; choose one with 'modality': ", quoted_list(known), ".");
  return "mod/" + modality + "/";
}

std::vector<std::string> h5ad_modalities(const File& file) {
  if (!file.is_group("mod") || file.has("X")) return {};
  std::vector<std::string> found;
  for (const std::string& name : file.children("mod")) {
    const std::string prefix = "mod/" + name;
    if (file.has(prefix + "/obs") && file.has(prefix + "/var")) {
      found.push_back(name);
    }
  }
  const std::vector<std::string> order =
      file.texts_attribute("mod", "mod-order");
  return std::is_permutation(order.begin(), order.end(), found.begin(),
                             found.end())
             ? order
             : found;
}

Matrices h5ad_matrices(const File& file, const std::string& prefix) {
  Matrices matrices;
  const std::string var = prefix + "var";
  if (file.has(prefix + "X")) matrices.push_back({"X", prefix + "X", var});
  const std::string layers = prefix + "layers";
  if (file.is_group(layers)) {
    for (const std::string& name : file.children(layers)) {
      matrices.push_back({name, layers + "/" + name, var});
    }
  }
  if (find(matrices, "raw") != nullptr) return matrices;
  for (const std::string step : {"/", "."}) {
    const std::string raw = prefix + "raw" + step;
    if (!file.has(raw + "X")) continue;
    matrices.push_back({"raw", raw + "X", raw + "var"});
    break;
  }
  return matrices;
}

H5adMatrix choose_h5ad_matrix(const File& file, const std::string& prefix,
                              const std::string& name) {
  const Matrices matrices = h5ad_matrices(file, prefix);
  if (name.empty()) return choose_unasked(file, matrices);
  if (const H5adMatrix* asked = find(matrices, name)) return *asked;
  throw_error(ErrorKind::kArgument, "The file '", file.path(),
              "' has no layer '", name, "'; it has ",
              (matrices.empty() ? "none" : quoted_list(names_of(matrices))),
              ".");
}

}  // namespace sailer
