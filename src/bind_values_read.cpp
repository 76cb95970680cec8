// R values from HDF5, as bind_values.cpp has written them.
#include <string>
#include <vector>

#include "bindings/errors.h"
#include "bindings/places.h"
#include "bindings/stored_values.h"

namespace sailer {
namespace {

using hdf5::NumberType;

void set_attribute(const Rcpp::RObject& value, const std::string& name,
                   const Rcpp::RObject& attribute) {
  Rcpp::unwindProtect([&]() -> SEXP {
    Rf_setAttrib(value,
                 Rf_installChar(Rf_mkCharLenCE(
                     name.data(), static_cast<int>(name.size()), CE_UTF8)),
                 attribute);
    return R_NilValue;
  });
}

SEXP to_text(const std::string& text) {
  return Rf_mkCharLenCE(text.data(), static_cast<int>(text.size()), CE_UTF8);
}

bool is_side_link(const std::string& link) {
  for (const char* mark : {"%attributes", "%missing"}) {
    if (link.find(mark) != std::string::npos) return true;
  }
  return false;
}

class ValueReader {
 public:
  explicit ValueReader(const hdf5::File& file) : file_(file) {}

  Rcpp::RObject read(const std::string& path, int depth = 0) {
    constexpr int kDeepest = 100;
    const std::string type = file_.text_attribute(path, "type").value_or("");
    if (depth > kDeepest) refuse(path);
    Rcpp::RObject value;
    if (file_.is_group(path)) {
      if (type != "list" && type != "call") refuse(path);
      value = read_list(path, depth);
    } else {
      value = read_dataset(file_.dataset(path), path, type);
    }
    // Set last: R tells a data frame from its list by them.
    read_attributes(path, value, depth);
    if (type != "call") return value;
    const Rcpp::Function as_call("as.call", "base");
    return as_call(value);
  }

 private:
  [[noreturn]] void refuse(const std::string& path) const {
    throw Error(ErrorKind::kFile,
                "The entry '" + path + "' of the file '" + file_.path() +
                    "' is not of a kind that this version of sailer knows.");
  }

  bool flag(const std::string& path, const std::string& name) const {
    const std::vector<int64_t> value = file_.integers_attribute(path, name);
    return !value.empty() && value[0] != 0;
  }

  Rcpp::List read_list(const std::string& path, int depth) {
    std::vector<std::string> links;
    for (std::string& link : file_.children_in_order(path)) {
      if (!is_side_link(link)) links.push_back(std::move(link));
    }
    Rcpp::List values(links.size());
    Rcpp::CharacterVector names(links.size());
    for (size_t k = 0; k < links.size(); ++k) {
      values[k] = read((path == "/" ? "" : path) + "/" + links[k], depth + 1);
      if (links[k][0] != '[') names[k] = to_text(hdf5::name_of_link(links[k]));
    }
    if (flag(path, "named")) values.names() = names;
    return values;
  }

  Rcpp::RObject read_dataset(const hdf5::Dataset& dataset,
                             const std::string& path, const std::string& type) {
    if (type == "NULL") return R_NilValue;
    if (type == "tensor") return read_tensor(dataset, path);
    if (type == "symbol") return read_symbol(dataset);
    if (type == "numeric_version") {
      const Rcpp::Function numeric_version("numeric_version", "base");
      return numeric_version(read_texts(dataset, path), false);
    }
    Rcpp::RObject value;
    if (type == "character") {
      value = read_texts(dataset, path);
    } else if (type == "logical") {
      value = read_logical(dataset, path);
    } else if (type == "integer") {
      Rcpp::IntegerVector values(dataset.size());
      value = read_numbers(dataset, path, NumberType::kInt32, values);
    } else if (type == "double") {
      Rcpp::NumericVector values(dataset.size());
      value = read_numbers(dataset, path, NumberType::kFloat64, values);
    } else if (type == "raw") {
      Rcpp::RawVector values(dataset.size());
      value = read_numbers(dataset, path, NumberType::kUInt8, values);
    } else {
      refuse(path);
    }
    if (flag(path, "array")) {
      const auto& shape = dataset.shape();
      set_attribute(value, "dim",
                    Rcpp::IntegerVector(shape.begin(), shape.end()));
    }
    return value;
  }

  template <typename Vector>
  Rcpp::RObject read_numbers(const hdf5::Dataset& dataset,
                             const std::string& path, NumberType type,
                             Vector values) {
    if (dataset.number_type() != type) refuse(path);
    dataset.numbers(type, values.begin());
    if (dataset.shape().size() < 2) return values;
    const Vector from = Rcpp::clone(values);
    for_each_place(dataset.shape(),
                   [&](int64_t k, int64_t j) { values[j] = from[k]; });
    return values;
  }

  Rcpp::RObject read_logical(const hdf5::Dataset& dataset,
                             const std::string& path) {
    const Rcpp::RawVector codes(read_numbers(dataset, path, NumberType::kUInt8,
                                             Rcpp::RawVector(dataset.size())));
    Rcpp::LogicalVector values(codes.size());
    for (R_xlen_t k = 0; k < codes.size(); ++k) {
      values[k] = codes[k] == 2 ? NA_LOGICAL : codes[k] != 0;
    }
    return values;
  }

  Rcpp::RObject read_tensor(const hdf5::Dataset& dataset,
                            const std::string& path) {
    const NumberType type = dataset.number_type();
    if (*name_of_tensor_type(type) == '\0') refuse(path);
    Rcpp::RawVector bytes = empty_tensor({type, dataset.shape()});
    dataset.numbers(type, RAW(bytes));
    return bytes;
  }

  Rcpp::RObject read_symbol(const hdf5::Dataset& dataset) {
    const std::vector<std::string> text = dataset.strings();
    if (text.empty() || text[0].empty()) return R_MissingArg;
    return Rf_installChar(to_text(text[0]));
  }

  Rcpp::RObject read_texts(const hdf5::Dataset& dataset,
                           const std::string& path) {
    const std::vector<std::string> texts = dataset.strings();
    std::vector<char> is_missing(texts.size(), 0);
    if (file_.has(path + "%missing")) {
      for (int64_t k : file_.dataset(path + "%missing").integers()) {
        if (k < 0 || k >= dataset.size()) refuse(path);
        is_missing[k] = 1;
      }
    }
    Rcpp::CharacterVector values(texts.size());
    for_each_place(dataset.shape(), [&](int64_t k, int64_t j) {
      values[j] = is_missing[k] != 0 ? NA_STRING : to_text(texts[k]);
    });
    return values;
  }

  void read_attributes(const std::string& path, const Rcpp::RObject& value,
                       int depth) {
    const std::string group = path + "%attributes";
    if (!file_.has(group)) return;
    for (bool dim : {true, false}) {  // dimnames must fit what dim says
      for (const std::string& link : file_.children_in_order(group)) {
        const std::string name = hdf5::name_of_link(link);
        if (is_side_link(link) || (name == "dim") != dim) continue;
        set_attribute(value, name, read(group + "/" + link, depth + 1));
      }
    }
  }

  const hdf5::File& file_;
};

}  // namespace

Rcpp::RObject read_values(const hdf5::File& file) {
  return ValueReader(file).read("/");
}

}  // namespace sailer
