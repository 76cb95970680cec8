#include "h5ad_table.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "../../support/error.h"

namespace sailer {

namespace {

using hdf5::Dataset;
using hdf5::File;
using hdf5::ValueType;
using Kind = ObsColumn::Kind;

// `field` is "" for a plain dataset.
ObsColumn read_values(const Dataset& dataset, const std::string& field) {
  ObsColumn column;
  const ValueType type =
      field.empty() ? dataset.type() : dataset.member_type(field);
  switch (type) {
    case ValueType::kString:
      column.kind = Kind::kText;
      column.texts = dataset.strings(field);
      break;
    case ValueType::kInteger:
      column.kind = Kind::kInteger;
      column.codes = dataset.integers(field);
      break;
    case ValueType::kBool:
      column.kind = Kind::kLogical;
      column.codes = dataset.integers(field);
      break;
    case ValueType::kFloat:
      column.kind = Kind::kNumber;
      column.numbers = dataset.numbers(field);
      break;
    default:
      throw Error(ErrorKind::kFile,
                  "The " + dataset.describe() +
                      " holds neither strings nor numbers, so it cannot be "
                      "read as a column.");
  }
  return column;
}

// The shortest text that is this number again.
std::string as_text(double value) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

// Categories may be numbers; they are given as text.
std::vector<std::string> as_texts(const Dataset& dataset) {
  if (dataset.type() == ValueType::kString) return dataset.strings();
  std::vector<std::string> texts;
  if (dataset.type() == ValueType::kFloat) {
    for (double value : dataset.numbers()) {
      texts.push_back(as_text(value));
    }
  } else if (dataset.type() == ValueType::kBool) {
    for (int64_t value : dataset.integers()) {
      texts.push_back(value != 0 ? "True" : "False");
    }
  } else {
    for (int64_t value : dataset.integers()) {
      texts.push_back(std::to_string(value));
    }
  }
  return texts;
}

int64_t length_of(const ObsColumn& column) {
  return static_cast<int64_t>(std::max(
      {column.texts.size(), column.codes.size(), column.numbers.size()}));
}

// Turns integers into codes of categories; a code below 0 is a missing value.
void categorise(std::vector<std::string> categories, const Dataset& codes,
                ObsColumn& column) {
  column.kind = Kind::kCategorical;
  column.categories = std::move(categories);
  column.missing.assign(column.codes.size(), 0);
  for (size_t k = 0; k < column.codes.size(); ++k) {
    if (column.codes[k] >= static_cast<int64_t>(column.categories.size())) {
      throw Error(ErrorKind::kFile, "The " + codes.describe() +
                                        " holds a code without a category; "
                                        "the file is damaged.");
    }
    column.missing[k] = column.codes[k] < 0;
  }
}

}  // namespace

H5adTable::H5adTable(const File& file, std::string prefix,
                     const std::string& name)
    : file_(file),
      prefix_(std::move(prefix)),
      name_(prefix_ + name),
      compound_(file.is_dataset(name_)) {
  if (!file.has(name_)) {
    throw Error(ErrorKind::kFile, "The file '" + file.path() + "' has no '" +
                                      name_ +
                                      "'; it is not a whole h5ad file.");
  }
}

std::string H5adTable::index_name() const {
  if (compound_) {
    const std::vector<std::string> fields = file_.dataset(name_).members();
    for (const char* name : {"index", "_index"}) {
      if (std::find(fields.begin(), fields.end(), name) != fields.end()) {
        return name;
      }
    }
    return fields.empty() ? "index" : fields.front();
  }
  return file_.text_attribute(name_, "_index").value_or("_index");
}

Dataset H5adTable::index_dataset() const {
  if (compound_) return file_.dataset(name_);
  const std::string path = name_ + "/" + index_name();
  // Newer files may keep missing strings beside a mask.
  return file_.dataset(file_.is_group(path) ? path + "/values" : path);
}

std::vector<std::string> H5adTable::index() const {
  const Dataset names = index_dataset();
  return compound_ ? names.strings(index_name()) : as_texts(names);
}

int64_t H5adTable::n_rows() const { return index_dataset().size(); }

std::vector<std::string> H5adTable::columns() const {
  std::vector<std::string> names;
  if (compound_) {
    names = file_.dataset(name_).members();
  } else {
    names = file_.texts_attribute(name_, "column-order");
    if (names.empty()) names = file_.children(name_);
  }
  const std::string index = index_name();
  auto is_other = [&](const std::string& name) {
    return name == index || name == "__categories" || name.empty();
  };
  names.erase(std::remove_if(names.begin(), names.end(), is_other),
              names.end());
  return names;
}

ObsColumn H5adTable::read(const std::string& column) const {
  const std::vector<std::string> names = columns();
  if (std::find(names.begin(), names.end(), column) == names.end()) {
    throw Error(ErrorKind::kArgument, "'" + name_ + "' of '" + file_.path() +
                                          "' has no column '" + column + "'.");
  }
  if (compound_) return read_field(column);
  ObsColumn result = file_.is_group(name_ + "/" + column)
                         ? read_group(column)
                         : read_dataset(column);
  if (length_of(result) != n_rows()) {
    throw Error(ErrorKind::kFile,
                "'" + name_ + "/" + column + "' of the file '" + file_.path() +
                    "' has " + std::to_string(length_of(result)) +
                    " values for " + std::to_string(n_rows()) +
                    " rows; the file is damaged.");
  }
  return result;
}

ObsColumn H5adTable::read_dataset(const std::string& column) const {
  const Dataset dataset = file_.dataset(name_ + "/" + column);
  ObsColumn result = read_values(dataset, "");
  // AnnData 0.7 kept the categories of a column of codes aside.
  const std::string aside = name_ + "/__categories/" + column;
  if (result.kind == Kind::kInteger && file_.is_dataset(aside)) {
    categorise(as_texts(file_.dataset(aside)), dataset, result);
  }
  return result;
}

ObsColumn H5adTable::read_group(const std::string& column) const {
  const std::string path = name_ + "/" + column;
  if (file_.is_dataset(path + "/codes")) {
    const Dataset codes = file_.dataset(path + "/codes");
    ObsColumn result = read_values(codes, "");
    const std::string categories = path + "/categories";
    categorise(
        as_texts(file_.dataset(
            file_.is_group(categories) ? categories + "/values" : categories)),
        codes, result);
    result.ordered =
        file_.integers_attribute(path, "ordered") == std::vector<int64_t>{1};
    return result;
  }
  const Dataset values = file_.dataset(path + "/values");
  ObsColumn result = read_values(values, "");
  const std::vector<int64_t> mask = file_.dataset(path + "/mask").integers();
  if (static_cast<int64_t>(mask.size()) != values.size()) {
    throw Error(ErrorKind::kFile,
                "The " + values.describe() + " has " +
                    std::to_string(values.size()) + " values, but its mask " +
                    std::to_string(mask.size()) + "; the file is damaged.");
  }
  for (int64_t masked : mask) result.missing.push_back(masked != 0);
  return result;
}

ObsColumn H5adTable::read_field(const std::string& column) const {
  const Dataset table = file_.dataset(name_);
  ObsColumn result = read_values(table, column);
  const std::string aside = prefix_ + "uns/" + column + "_categories";
  if (result.kind == Kind::kInteger && file_.is_dataset(aside)) {
    categorise(as_texts(file_.dataset(aside)), table, result);
  }
  return result;
}

}  // namespace sailer
