// The tables of an h5ad file, and the coordinates of cells in obsm: each a
// dense dataset, or before AnnData 0.7 a field of one compound dataset.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "../../support/error.h"
#include "h5ad_layout.h"

namespace sailer {

namespace {

using hdf5::Dataset;
using hdf5::File;
using hdf5::ValueType;
using Kind = ObsColumn::Kind;

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// `field` is "" for a plain dataset.
ObsColumn column_of(const Dataset& dataset, const std::string& field = "") {
  ObsColumn column;
  const ValueType type =
      field.empty() ? dataset.type() : dataset.member_type(field);
  if (type == ValueType::kString) {
    column.texts = dataset.strings(field);
  } else if (type == ValueType::kFloat) {
    column.kind = Kind::kNumber;
    column.numbers = dataset.numbers(field);
  } else if (type == ValueType::kInteger || type == ValueType::kBool) {
    column.kind = type == ValueType::kBool ? Kind::kLogical : Kind::kInteger;
    column.codes = dataset.integers(field);
  } else {
    dataset.check(false,
                  " holds neither strings nor numbers, so it cannot be read as "
                  "a column");
  }
  return column;
}

// Returns the shortest text that parses to the same number.
std::string as_text(double value) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

// Returns the values as text, because categories and row names may be numbers.
std::vector<std::string> texts_of(const Dataset& dataset) {
  ObsColumn column = column_of(dataset);
  for (double value : column.numbers) column.texts.push_back(as_text(value));
  for (int64_t code : column.codes) {
    column.texts.push_back(column.kind != Kind::kLogical ? std::to_string(code)
                           : code != 0                   ? "True"
                                                         : "False");
  }
  return column.texts;
}

// Returns the dataset with the values of a text column: newer files may store
// them next to a mask of missing values.
Dataset maybe_masked(const File& file, const std::string& path) {
  return file.dataset(file.is_group(path) ? path + "/values" : path);
}

// Turns integers into codes of categories; a code below 0 is a missing value.
void categorise(std::vector<std::string> categories, const Dataset& codes,
                ObsColumn& column) {
  column.kind = Kind::kCategorical;
  column.categories = std::move(categories);
  for (int64_t code : column.codes) {
    codes.check(code < n_of(column.categories),
                " holds a code without a category; the file is damaged");
    column.missing.push_back(code < 0);
  }
}

}  // namespace

std::string h5ad_prefix(const File& file, const std::string& modality) {
  const std::vector<std::string> known = h5ad_modalities(file);
  if (known.empty() && modality.empty()) return "";
  require(!known.empty(), "The file '", file.path(),
          "' is not MuData, so it has no modality '", modality, "'.");
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

H5adTable::H5adTable(const File& file, std::string prefix,
                     const std::string& name)
    : file_(file),
      prefix_(std::move(prefix)),
      name_(prefix_ + name),
      compound_(file.is_dataset(name_)) {
  file.check(file.has(name_), "has no '", name_,
             "'; it is not a whole h5ad file");
}

std::string H5adTable::index_name() const {
  if (!compound_) return file_.text_attribute(name_, "_index", "_index");
  const std::vector<std::string> fields = file_.dataset(name_).members();
  for (const char* name : {"index", "_index"}) {
    if (holds(fields, name)) return name;
  }
  return fields.empty() ? "index" : fields.front();
}

Dataset H5adTable::index_dataset() const {
  if (compound_) return file_.dataset(name_);
  return maybe_masked(file_, name_ + "/" + index_name());
}

std::vector<std::string> H5adTable::index() const {
  const Dataset names = index_dataset();
  return compound_ ? names.strings(index_name()) : texts_of(names);
}

std::vector<std::string> H5adTable::columns() const {
  std::vector<std::string> names =
      compound_ ? file_.dataset(name_).members()
                : file_.texts_attribute(name_, "column-order");
  if (names.empty() && !compound_) names = file_.children(name_);
  const std::string index = index_name();
  std::vector<std::string> out;
  for (const std::string& name : names) {
    const bool other = name == index || name == "__categories" || name.empty();
    if (!other) out.push_back(name);
  }
  return out;
}

bool H5adTable::has(const std::string& column) const {
  return holds(columns(), column);
}

ObsColumn H5adTable::read(const std::string& column) const {
  require(has(column), "'", name_, "' of '", file_.path(), "' has no column '",
          column, "'.");
  ObsColumn out = read_values(column);
  const size_t n =
      std::max({out.texts.size(), out.codes.size(), out.numbers.size()});
  if (static_cast<int64_t>(n) != n_rows()) {
    throw_error(ErrorKind::kFile, "'", name_, "/", column, "' of the file '",
                file_.path(), "' has ", n, " values for ", n_rows(),
                " rows; the file is damaged.");
  }
  return out;
}

ObsColumn H5adTable::read_values(const std::string& column) const {
  const std::string path = name_ + "/" + column;
  if (!compound_ && file_.is_dataset(path + "/codes")) {
    const Dataset codes = file_.dataset(path + "/codes");
    ObsColumn out = column_of(codes);
    categorise(texts_of(maybe_masked(file_, path + "/categories")), codes, out);
    out.ordered =
        file_.integers_attribute(path, "ordered") == std::vector<int64_t>{1};
    return out;
  }
  if (!compound_ && file_.is_group(path)) {
    const Dataset values = file_.dataset(path + "/values");
    ObsColumn out = column_of(values);
    const std::vector<int64_t> mask = file_.dataset(path + "/mask").integers();
    values.check(n_of(mask) == values.size(), " has ", values.size(),
                 " values, but its mask ", mask.size(),
                 "; the file is damaged");
    for (int64_t masked : mask) out.missing.push_back(masked != 0);
    return out;
  }
  const Dataset dataset = file_.dataset(compound_ ? name_ : path);
  ObsColumn out = column_of(dataset, compound_ ? column : "");
  // Up to AnnData 0.7 the categories of a column of codes were stored
  // elsewhere.
  const std::string aside = compound_
                                ? prefix_ + "uns/" + column + "_categories"
                                : name_ + "/__categories/" + column;
  if (out.kind == Kind::kInteger && file_.is_dataset(aside)) {
    categorise(texts_of(file_.dataset(aside)), dataset, out);
  }
  return out;
}

std::vector<std::string> modalities(const std::string& path) {
  return h5ad_modalities(File(path));
}

std::vector<std::string> obs_columns(const std::string& path,
                                     const std::string& modality) {
  const File file(path);
  return H5adTable(file, h5ad_prefix(file, modality), "obs").columns();
}

ObsColumn read_obs(const std::string& path, const std::string& column,
                   const std::string& modality) {
  const File file(path);
  return H5adTable(file, h5ad_prefix(file, modality), "obs").read(column);
}

namespace {

std::vector<std::string> names_in(const File& file, const std::string& obsm) {
  if (file.is_dataset(obsm)) return file.dataset(obsm).members();
  return file.is_group(obsm) ? file.children(obsm) : std::vector<std::string>();
}

Coordinates coordinates_in(const File& file, const std::string& obsm,
                           const std::string& name) {
  const bool compound = file.is_dataset(obsm);
  const std::string path = compound ? obsm : obsm + "/" + name;
  if (!file.is_dataset(path)) {
    throw_error(ErrorKind::kFile, "'", path, "' of the file '", file.path(),
                "' is not a dense matrix, so it cannot be read as an embedding "
                "of cells.");
  }
  const Dataset dataset = file.dataset(path);
  const hdf5::Extent& shape = dataset.shape();
  const bool is_matrix =
      dataset.holds_numbers() && !shape.empty() && shape.size() <= 2;
  dataset.check(compound || is_matrix,
                " is not a numeric matrix with one row per cell");
  const int64_t n_cells = shape.empty() ? 1 : shape[0];
  std::vector<double> values = dataset.numbers(compound ? name : "");
  const int64_t width = shape.size() == 2 ? shape[1]
                        : n_cells > 0     ? n_of(values) / n_cells
                                          : 0;
  return {n_cells, width, std::move(values)};
}

}  // namespace

std::vector<std::string> obsm_names(const std::string& path,
                                    const std::string& modality) {
  const File file(path);
  return names_in(file, h5ad_prefix(file, modality) + "obsm");
}

Coordinates read_obsm(const std::string& path, const std::string& name,
                      const std::string& modality) {
  const File file(path);
  const std::string prefix = h5ad_prefix(file, modality);
  const std::string obsm = prefix + "obsm";
  const std::vector<std::string> known = names_in(file, obsm);
  require(holds(known, name), "'", obsm, "' of the file '", path, "' has no '",
          name, "'; it has ", known.empty() ? "nothing" : quoted_list(known),
          ".");
  Coordinates out = coordinates_in(file, obsm, name);
  const int64_t n_cells = H5adTable(file, prefix, "obs").n_rows();
  if (out.n_cells == n_cells) return out;
  throw_error(ErrorKind::kFile, "'", obsm, "/", name, "' of the file '", path,
              "' has ", out.n_cells, " rows, but there are ", n_cells,
              " cells; the file is damaged.");
}

}  // namespace sailer
