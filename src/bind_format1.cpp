// Reads the files of sailer 0.1.0: R values in HDF5, after a seal of 512 bytes.
// A list is a group, a vector a dataset; the HDF5 attribute "type" gives its
// type in R, the group `x%attributes` holds R's attributes of `x`, and
// `x%missing` the positions of its missing texts. Such files are no longer
// written.
#include <Rcpp.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "bindings/convert.h"
#include "bindings/errors.h"
#include "bindings/states.h"
#include "core/data/readers/hdf5.h"
#include "core/support/checksum.h"
#include "core/support/disk_file.h"

namespace {

using namespace sailer;

constexpr int64_t kSeal = 512;

// HDF5 may crash on damaged bytes, so the seal is checked first: four lines of
// text (with the kind and version of the content, its size and XXH64), and at
// the end the XXH64 of the seal itself.
void check_seal(const std::string& path, const std::string& kind) {
  const DiskFile in(path, DiskFile::Use::kRead);
  std::vector<char> bytes(std::max(in.size(), kSeal));
  in.read(0, in.size(), bytes.data());
  uint64_t own = 0;
  std::memcpy(&own, bytes.data() + kSeal - sizeof own, sizeof own);
  if (own != checksum_of(bytes.data(), kSeal - sizeof own)) {
    throw_file_error(path, "is damaged or cut short");
  }
  const std::string seal(bytes.data(), kSeal);
  char found[64] = "";
  int version = 0;
  int64_t size = 0;
  uint64_t checksum = 0;
  if (std::sscanf(seal.c_str(),
                  "sailer file 1\nkind: %63[^\n]\nversion: %d\ncontent: "
                  "%" SCNd64 " %" SCNx64,
                  found, &version, &size, &checksum) != 4 ||
      version != 1) {
    throw_file_error(path,
                     "was written by a newer version of sailer than this one");
  }
  if (kind != found) {
    throw_file_error(path, "is a sailer file that holds a ", found, ", not a ",
                     kind);
  }
  const int64_t n = n_of(bytes) - kSeal;
  if (n != size || checksum != checksum_of(bytes.data() + kSeal, n)) {
    throw_file_error(path, n < size ? "is cut short" : "is damaged",
                     ": its bytes have changed since it was written. Copy it "
                     "again");
  }
}

Rcpp::String text_of(const std::string& text) { return {text, CE_UTF8}; }

class ValueReader {
 public:
  explicit ValueReader(const std::string& path) : file_(path) {}

  Rcpp::RObject read(const std::string& path, int depth = 0) const {
    constexpr int kDeepest = 100;
    if (depth > kDeepest) refuse(path);
    const std::string type = file_.text_attribute(path, "type");
    Rcpp::RObject value =
        file_.is_group(path) ? read_list(path, depth) : read_vector(path, type);
    const std::string group = path + "%attributes";
    // Set last, because they turn a list into a data frame.
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
    throw_error(ErrorKind::kFile, "The entry '", path, "' of the file '",
                file_.path(),
                "' is not of a kind that this version of sailer knows.");
  }

  bool flag(const std::string& path, const std::string& name) const {
    const std::vector<int64_t> value = file_.integers_attribute(path, name);
    return !value.empty() && value[0] != 0;
  }

  // Members without a name are stored as "[1]", "[2]"; in other names, some
  // characters are percent-encoded as in a URL.
  static Rcpp::String name_of(const std::string& link) {
    if (link[0] == '[') return "";
    const Rcpp::Function decode("URLdecode", "utils");
    return text_of(Rcpp::as<std::string>(decode(link)));
  }

  Rcpp::List read_list(const std::string& path, int depth) const {
    Rcpp::List values;
    Rcpp::CharacterVector names;
    for (const std::string& link : file_.children(path)) {
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
    } else if (type == "integer" || type == "raw" || type == "logical") {
      std::vector<int64_t> codes = dataset.integers();
      if (type == "logical") {
        std::replace(codes.begin(), codes.end(), int64_t{2},
                     int64_t{NA_LOGICAL});
      }
      value = Rcpp::IntegerVector(codes.begin(), codes.end());
      if (type == "raw") value = Rcpp::RawVector(codes.begin(), codes.end());
      if (type == "logical") value = Rcpp::as<Rcpp::LogicalVector>(value);
    } else {
      refuse(path);
    }
    if (!flag(path, "array")) return value;
    // In HDF5 the last dimension is the fastest, in R the first.
    value.attr("dim") = Rcpp::IntegerVector(shape.rbegin(), shape.rend());
    if (shape.size() < 2) return value;
    return Rcpp::Function("aperm", "base")(value);
  }

  // Floating-point tensors are single precision, except those that say where a
  // run stands ("run.").
  Rcpp::RObject read_tensor(const std::string& path) const {
    const hdf5::Dataset dataset = file_.dataset(path);
    const auto to_r = [&](const char* dtype, const auto& values) {
      return tensor_to_r(
          {path, dtype, dataset.shape(), borrowed(values.data())});
    };
    if (dataset.type() == hdf5::ValueType::kInteger) {
      return to_r("I64", dataset.integers());
    }
    const std::vector<double> values = dataset.numbers();
    if (path.find("/run.") != std::string::npos) return to_r("F64", values);
    return to_r("F32", std::vector<float>(values.begin(), values.end()));
  }

  Rcpp::CharacterVector read_texts(const std::string& path) const {
    Rcpp::CharacterVector values = texts_to_r(file_.dataset(path).strings());
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

// Returns what a file of sailer 0.1.0 holds; `kind` is "model", "training run"
// or "training state".
// [[Rcpp::export]]
Rcpp::List core_read_format1(std::string file, std::string kind) {
  return guarded([&] {
    check_seal(file, kind);
    return Rcpp::List(ValueReader(file).read("/"));
  });
}
