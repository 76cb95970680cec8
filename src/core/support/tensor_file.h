// Tensors and a description in one file: the format of models and of training
// states. The layout is that of safetensors, which many languages can read:
//
//   8 bytes   length of the header, little endian
//   header    JSON, padded with spaces to a multiple of 8 bytes:
//             {"__metadata__": {"checksum": ..., "description": ...,
//                               "kind": ..., "version": ...},
//              NAME: {"dtype": "F32", "shape": [2, 3],
//                     "data_offsets": [FIRST, END]}, ...}
//   data      the tensors, little endian, last dimension fastest, no gaps
//
// "checksum" is the XXH64 of the whole file, in 16 hexadecimal digits, computed
// with 16 zeros in their place: a change of any byte is detected.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "n_of.h"

namespace sailer {

struct StoredTensor {
  std::string name;
  std::string dtype;           // "F64", "I64", "F32", "I32" or "U8"
  std::vector<int64_t> shape;  // empty: a single value
  std::shared_ptr<const void> data;
};

// Number of bytes of a value of this type; 0 for types that sailer's files do
// not use.
int64_t bytes_of_dtype(const std::string& dtype);
int64_t bytes_of(const StoredTensor& tensor);

// Wraps memory that the caller owns and that outlives the tensor.
inline std::shared_ptr<const void> borrowed(const void* data) {
  return {std::shared_ptr<const void>(), data};
}

struct TensorFile {
  std::string kind;         // what it holds: "sailer model"
  int64_t version = 1;      // of that kind
  std::string description;  // JSON, defined by the writer
  std::vector<StoredTensor> tensors;
};

// Writes the file through replace_file().
void write_tensor_file(const std::string& path, const TensorFile& file,
                       bool durable = true);

// Returns the tensors in the order in which they were passed to
// write_tensor_file(). Nothing is used before all bytes are checked, and
// nothing is allocated that the file does not hold. Throws Error(kFile), whose
// message distinguishes a missing file, a foreign one (and what it looks like),
// one of another kind, one with a version above `newest_version`, one that is
// cut short, and a damaged one.
TensorFile read_tensor_file(const std::string& path, const std::string& kind,
                            int64_t newest_version);

// Describes what a foreign file looks like, from its first bytes: "a file of R,
// which readRDS() reads"; "" if it looks like nothing known.
std::string looks_like(const std::string& first_bytes);

}  // namespace sailer
