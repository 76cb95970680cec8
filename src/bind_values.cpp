// R values to HDF5. Reading stands in bind_values_read.cpp.
#include <set>
#include <vector>

#include "bindings/errors.h"
#include "bindings/places.h"
#include "bindings/stored_values.h"

namespace sailer {
namespace {

using hdf5::NumberType;
using Shape = std::vector<int64_t>;

// UTF-8 of a string of R, in R's own memory. Text of no encoding has none.
const char* utf8(SEXP text, const std::string& where) {
  if (Rf_getCharCE(text) == CE_BYTES) {
    throw Error(ErrorKind::kArgument,
                "`" + where +
                    "` holds text marked as bytes, which no file of "
                    "sailer takes.");
  }
  return Rf_translateCharUTF8(text);
}

class ValueWriter {
 public:
  explicit ValueWriter(hdf5::FileWriter& file) : file_(file) {}

  // `path`: of the group or dataset. `where`: for messages, such as "a$b".
  void write(const std::string& path, const std::string& where, SEXP value) {
    if (Rf_isS4(value)) refuse(where, "an S4 object");
    switch (TYPEOF(value)) {
      case NILSXP:
        return write_numbers<uint8_t>(path, "NULL", {0}, nullptr);
      case VECSXP:
        if (Rf_inherits(value, "numeric_version")) {
          return write_version(path, where, value);
        }
        return write_list(path, where, "list", value);
      case LANGSXP:
        return write_list(path, where, "call", elements_of_call(value));
      case SYMSXP:
        return write_symbol(path, where, value);
      case LGLSXP:
        write_logical(path, value);
        break;
      case INTSXP:
        write_array(path, "integer", value, INTEGER(value));
        break;
      case REALSXP:
        write_array(path, "double", value, REAL(value));
        break;
      case STRSXP:
        write_texts(path, where, "character", value);
        break;
      case RAWSXP:
        write_raw(path, where, value);
        break;
      default:
        refuse(where, Rf_type2char(TYPEOF(value)));
    }
    write_attributes(path, where, value);
  }

 private:
  [[noreturn]] static void refuse(const std::string& where,
                                  const std::string& what) {
    throw Error(ErrorKind::kArgument,
                "`" + where +
                    "` is of a kind that cannot be written to a "
                    "file (" +
                    what + "); this is an error of sailer.");
  }

  template <typename Number>
  void write_numbers(const std::string& path, const char* type,
                     const Shape& shape, const Number* values) {
    file_.write(path, shape, values);
    file_.attribute(path, "type", std::string(type));
  }

  static bool is_array(SEXP value) {
    return !Rf_isNull(Rf_getAttrib(value, R_DimSymbol));
  }

  static Shape shape_of(SEXP value) {
    if (!is_array(value)) return {Rf_xlength(value)};
    const Rcpp::IntegerVector dim = Rf_getAttrib(value, R_DimSymbol);
    return Shape(dim.begin(), dim.end());
  }

  void mark_array(const std::string& path, SEXP value) {
    if (is_array(value)) file_.attribute(path, "array", int64_t{1});
  }

  template <typename Number>
  void write_array(const std::string& path, const char* type, SEXP value,
                   const Number* values) {
    const Shape shape = shape_of(value);
    if (shape.size() < 2) {
      write_numbers(path, type, shape, values);
    } else {
      std::vector<Number> turned(static_cast<size_t>(Rf_xlength(value)));
      for_each_place(shape,
                     [&](int64_t k, int64_t j) { turned[k] = values[j]; });
      write_numbers(path, type, shape, turned.data());
    }
    mark_array(path, value);
  }

  void write_logical(const std::string& path, SEXP value) {
    std::vector<uint8_t> values;
    values.reserve(static_cast<size_t>(Rf_xlength(value)));
    for (R_xlen_t k = 0; k < Rf_xlength(value); ++k) {
      const int truth = LOGICAL(value)[k];
      values.push_back(truth == NA_LOGICAL ? 2 : truth != 0);
    }
    write_array(path, "logical", value, values.data());
  }

  void write_raw(const std::string& path, const std::string& where,
                 SEXP value) {
    if (Rf_isNull(Rf_getAttrib(value, Rf_install("shape")))) {
      return write_array(path, "raw", value, RAW(value));
    }
    const TensorHeader header = tensor_header(value, where);
    file_.numbers(path, header.shape, header.type, RAW(value));
    file_.attribute(path, "type", "tensor");
  }

  void write_texts(const std::string& path, const std::string& where,
                   const char* type, SEXP value) {
    const void* memory = vmaxget();
    const Shape shape = shape_of(value);
    std::vector<const char*> texts(static_cast<size_t>(Rf_xlength(value)));
    std::vector<int64_t> missing;
    for_each_place(shape, [&](int64_t k, int64_t j) {
      const SEXP text = STRING_ELT(value, j);
      if (text == NA_STRING) missing.push_back(k);
      texts[k] = text == NA_STRING ? "" : utf8(text, where);
    });
    file_.texts(path, shape, texts);
    vmaxset(memory);
    file_.attribute(path, "type", std::string(type));
    mark_array(path, value);
    if (missing.empty()) return;
    file_.write(path + "%missing", {static_cast<int64_t>(missing.size())},
                missing.data());
  }

  void write_symbol(const std::string& path, const std::string& where,
                    SEXP value) {
    file_.texts(path, {}, {utf8(PRINTNAME(value), where)});
    file_.attribute(path, "type", "symbol");
  }

  // Of a version the text, and its class.
  void write_version(const std::string& path, const std::string& where,
                     const Rcpp::RObject& value) {
    static const char* const kType = "numeric_version";
    const Rcpp::Function as_character("as.character", "base");
    const Rcpp::RObject text = as_character(value);
    write_texts(path, where, kType, text);
    write_attributes(path, where, value);
  }

  // The function and arguments of a call, as a list; its attributes with it.
  static Rcpp::List elements_of_call(SEXP call) {
    const Rcpp::Function as_list("as.list.default", "base");
    // Quoted, or it would be called.
    const Rcpp::Shield<SEXP> quoted(Rf_lang2(R_QuoteSymbol, call));
    return as_list(static_cast<SEXP>(quoted));
  }

  void write_list(const std::string& path, const std::string& where,
                  const char* type, const Rcpp::List& values) {
    const Rcpp::RObject names = values.names();
    if (path != "/") file_.group(path);
    file_.attribute(path, "type", std::string(type));
    file_.attribute(path, "named", int64_t{!names.isNULL()});
    std::set<std::string> used;
    for (R_xlen_t k = 0; k < values.size(); ++k) {
      const std::string number = std::to_string(k + 1);
      std::string name, step = "[[" + number + "]]";
      if (!names.isNULL()) {
        const SEXP text = STRING_ELT(names, k);
        if (text == NA_STRING) refuse(where + step, "its name is NA");
        const void* memory = vmaxget();
        name = utf8(text, where);
        vmaxset(memory);
        if (!name.empty()) step = (where.empty() ? "" : "$") + name;
      }
      if (!name.empty() && !used.insert(name).second) {
        refuse(where + step, "a name that is used twice");
      }
      const std::string link =
          name.empty() ? "[" + number + "]" : hdf5::link_name(name);
      write((path == "/" ? "" : path) + "/" + link, where + step, values[k]);
    }
    write_attributes(path, where, values);
  }

  // Those that the group or dataset does not tell by itself.
  void write_attributes(const std::string& path, const std::string& where,
                        const Rcpp::RObject& value) {
    const Rcpp::Function attributes("attributes", "base");
    const Rcpp::RObject all = attributes(value);
    if (all.isNULL()) return;
    const Rcpp::List values(all);
    const std::vector<std::string> names = values.names();
    const bool list = TYPEOF(value) == VECSXP;
    const bool tensor = TYPEOF(value) == RAWSXP && value.hasAttribute("shape");
    const std::string group = path + "%attributes";
    bool begun = false;
    for (size_t k = 0; k < names.size(); ++k) {
      const bool known =
          list ? names[k] == "names" && !Rf_inherits(value, "numeric_version")
               : names[k] == "dim" ||
                     (tensor && (names[k] == "shape" || names[k] == "type"));
      if (known) continue;
      if (!begun) file_.group(group);
      begun = true;
      write(group + "/" + hdf5::link_name(names[k]),
            "attr(" + where + ", \"" + names[k] + "\")", values[k]);
    }
  }

  hdf5::FileWriter& file_;
};

}  // namespace

void write_values(hdf5::FileWriter& file, const Rcpp::List& values) {
  ValueWriter(file).write("/", "", values);
}

// Tensors ---------------------------------------------------------------------

NumberType tensor_type(const std::string& name) {
  for (NumberType type :
       {NumberType::kFloat32, NumberType::kFloat64, NumberType::kInt64}) {
    if (name == name_of_tensor_type(type)) return type;
  }
  return NumberType::kOther;
}

const char* name_of_tensor_type(NumberType type) {
  switch (type) {
    case NumberType::kFloat32:
      return "float32";
    case NumberType::kFloat64:
      return "float64";
    case NumberType::kInt64:
      return "int64";
    default:
      return "";
  }
}

TensorHeader tensor_header(SEXP value, const std::string& where) {
  const Rcpp::RawVector bytes(value);
  TensorHeader header{NumberType::kFloat32, {}};
  // Older fits hold no other.
  if (bytes.hasAttribute("type")) {
    header.type = tensor_type(Rcpp::as<std::string>(bytes.attr("type")));
  }
  auto n_bytes = static_cast<int64_t>(hdf5::size_of(header.type));
  for (double size : Rcpp::as<std::vector<double>>(bytes.attr("shape"))) {
    header.shape.push_back(static_cast<int64_t>(size));
    n_bytes *= header.shape.back();
  }
  if (header.type == NumberType::kOther || n_bytes != bytes.size()) {
    throw Error(ErrorKind::kFile, "The fit is damaged: its tensor '" + where +
                                      "' has lost some of its values.");
  }
  return header;
}

Rcpp::RawVector empty_tensor(const TensorHeader& header) {
  auto n_bytes = static_cast<int64_t>(hdf5::size_of(header.type));
  for (int64_t size : header.shape) n_bytes *= size;
  Rcpp::RawVector bytes(Rf_allocVector(RAWSXP, n_bytes));
  bytes.attr("shape") =
      Rcpp::NumericVector(header.shape.begin(), header.shape.end());
  bytes.attr("type") = name_of_tensor_type(header.type);
  return bytes;
}

}  // namespace sailer
