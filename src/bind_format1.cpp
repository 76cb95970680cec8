// Reads the files of sailer 0.1.0: values of R in HDF5, behind a seal of 512
// bytes. A list is a group, a vector a dataset; the HDF5 attribute "type" tells
// what it is in R, the group `x%attributes` holds R's attributes of `x`, and
// `x%missing` the places of its missing texts. Nothing writes them any more.
#include <Rcpp.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "bindings/errors.h"
#include "bindings/states.h"
#include "core/data/readers/hdf5.h"
#include "core/support/checksum.h"

namespace sailer {
namespace {

constexpr int64_t kSeal = 512;

// HDF5 may crash on damaged bytes, so the seal is checked before: four lines of
// text (the kind and version of the content, its size and XXH64) and the XXH64
// of the seal itself at its end.
void check_seal(const std::string& path, const std::string& kind) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::kFile, "The file '" + path + "' " + what + ".");
  };
  std::ifstream in(path, std::ios::binary);
  std::vector<char> bytes(kSeal);
  in.read(bytes.data(), kSeal);
  uint64_t own = 0;
  std::memcpy(&own, bytes.data() + kSeal - sizeof own, sizeof own);
  if (own != checksum_of(bytes.data(), kSeal - sizeof own)) {
    fail("is damaged or cut short");
  }
  char found[64] = "";
  int version = 0;
  int64_t size = 0;
  uint64_t checksum = 0;
  if (std::sscanf(bytes.data(),
                  "sailer file 1\nkind: %63[^\n]\nversion: %d\ncontent: "
                  "%" SCNd64 " %" SCNx64,
                  found, &version, &size, &checksum) != 4 ||
      version != 1) {
    fail("was written by a newer version of sailer than this one");
  }
  if (kind != found) {
    fail("is a sailer file that holds a " + std::string(found) + ", not a " +
         kind);
  }
  Checksum sum;
  int64_t n = 0;
  bytes.resize(size_t{1} << 20);
  do {
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    sum.add(bytes.data(), static_cast<size_t>(in.gcount()));
    n += in.gcount();
  } while (in);
  if (n != size || sum.value() != checksum) {
    fail(std::string(n < size ? "is cut short" : "is damaged") +
         ": its bytes have changed since it was written. Copy it again");
  }
}

Rcpp::String text_of(const std::string& text) { return {text, CE_UTF8}; }

class ValueReader {
 public:
  explicit ValueReader(const std::string& path) : file_(path) {}

  Rcpp::RObject read(const std::string& path, int depth = 0) const {
    constexpr int kDeepest = 100;
    if (depth > kDeepest) refuse(path);
    const std::string type = file_.text_attribute(path, "type").value_or("");
    Rcpp::RObject value =
        file_.is_group(path) ? read_list(path, depth) : read_vector(path, type);
    const std::string group = path + "%attributes";
    // Set last, for R tells a data frame from its list by them.
    if (file_.has(group)) {
      const Rcpp::List more = read_list(group, depth + 1);
      const Rcpp::CharacterVector names = more.names();
      for (R_xlen_t k = 0; k < more.size(); ++k) {
        value.attr(std::string(names[k])) = more[k];
      }
    }
    if (type == "call") return Rcpp::Function("as.call", "base")(value);
    return value;
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

  // Of members without a name it is "[1]", "[2]"; others have some characters
  // as in an address of the web.
  static Rcpp::String name_of(const std::string& link) {
    if (link[0] == '[') return "";
    std::string name;
    for (size_t k = 0; k < link.size(); ++k) {
      unsigned code = 0;
      if (link[k] == '%' && std::sscanf(&link[k + 1], "%2x", &code) == 1) {
        name += static_cast<char>(code);
        k += 2;
      } else {
        name += link[k];
      }
    }
    return text_of(name);
  }

  Rcpp::List read_list(const std::string& path, int depth) const {
    Rcpp::List values;
    Rcpp::CharacterVector names;
    for (const std::string& link : file_.children_in_order(path)) {
      if (link.find("%attributes") != std::string::npos ||
          link.find("%missing") != std::string::npos) {
        continue;
      }
      values.push_back(read((path == "/" ? "" : path) + "/" + link, depth + 1));
      names.push_back(name_of(link));
    }
    const bool group_of_values =
        file_.integers_attribute(path, "named").empty();
    if (group_of_values || flag(path, "named")) values.names() = names;
    return values;
  }

  Rcpp::RObject read_vector(const std::string& path,
                            const std::string& type) const {
    const hdf5::Dataset dataset = file_.dataset(path);
    const std::vector<int64_t>& shape = dataset.shape();
    if (type == "NULL") return R_NilValue;
    if (type == "tensor" || type.empty()) return read_tensor(path);
    if (type == "symbol") {
      const std::vector<std::string> text = dataset.strings();
      if (text.empty() || text[0].empty()) return R_MissingArg;
      return Rf_installChar(text_of(text[0]).get_sexp());
    }
    if (type == "numeric_version") {
      return Rcpp::Function("numeric_version", "base")(read_texts(path));
    }
    Rcpp::RObject value;
    if (type == "character") {
      value = read_texts(path);
    } else if (type == "double") {
      value = Rcpp::wrap(dataset.numbers());
    } else if (type == "integer") {
      value = vector_of<INTSXP>(dataset.integers());
    } else if (type == "raw") {
      value = vector_of<RAWSXP>(dataset.integers());
    } else if (type == "logical") {
      std::vector<int64_t> codes = dataset.integers();
      std::replace(codes.begin(), codes.end(), int64_t{2}, int64_t{NA_LOGICAL});
      value = vector_of<LGLSXP>(codes);
    } else {
      refuse(path);
    }
    if (!flag(path, "array")) return value;
    // HDF5 has the last dimension fastest, R the first.
    value.attr("dim") = Rcpp::IntegerVector(shape.rbegin(), shape.rend());
    if (shape.size() < 2) return value;
    return Rcpp::Function("aperm", "base")(value);
  }

  template <int kType>
  static Rcpp::RObject vector_of(const std::vector<int64_t>& values) {
    return Rcpp::Vector<kType>(values.begin(), values.end());
  }

  // Floating point is single precision but where a run stands.
  Rcpp::RObject read_tensor(const std::string& path) const {
    const hdf5::Dataset dataset = file_.dataset(path);
    StoredTensor tensor{path, "I64", dataset.shape(), {}};
    if (dataset.type() == hdf5::ValueType::kInteger) {
      const std::vector<int64_t> values = dataset.integers();
      tensor.data = borrowed(values.data());
      return tensor_to_r(tensor);
    }
    const std::vector<double> values = dataset.numbers();
    if (path.find("/run.") != std::string::npos) {
      tensor.dtype = "F64";
      tensor.data = borrowed(values.data());
      return tensor_to_r(tensor);
    }
    const std::vector<float> singles(values.begin(), values.end());
    tensor.dtype = "F32";
    tensor.data = borrowed(singles.data());
    return tensor_to_r(tensor);
  }

  Rcpp::CharacterVector read_texts(const std::string& path) const {
    const std::vector<std::string> texts = file_.dataset(path).strings();
    Rcpp::CharacterVector values(texts.size());
    for (size_t k = 0; k < texts.size(); ++k) values[k] = text_of(texts[k]);
    if (!file_.has(path + "%missing")) return values;
    for (int64_t k : file_.dataset(path + "%missing").integers()) {
      if (k < 0 || k >= values.size()) refuse(path);
      values[k] = NA_STRING;
    }
    return values;
  }

  hdf5::File file_;
};

}  // namespace
}  // namespace sailer

// What a file of sailer 0.1.0 holds, of the kind "model", "training run" or
// "training state".
// [[Rcpp::export]]
Rcpp::List core_read_format1(std::string file, std::string kind) {
  return sailer::guarded([&] {
    sailer::check_seal(file, kind);
    return Rcpp::List(sailer::ValueReader(file).read("/"));
  });
}
