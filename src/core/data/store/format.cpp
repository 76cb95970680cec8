#include "format.h"

#include <algorithm>
#include <cstring>

#include "../../support/checksum.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error \
    "Packed cells are read as they lie in their file, which is little endian."
#endif

namespace sailer::packed {

namespace {

constexpr char kMagic[17] = "sailer corpus\r\n\x1a";  // 16 bytes of it
constexpr uint64_t kSectionMagic = 0x9d73656374696f6eu;
constexpr int64_t kMostTextBytes = int64_t{1} << 30;

template <typename T>
void put(Bytes& out, T value) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof(T));
}

void put_text(Bytes& out, const std::string& text) {
  put(out, static_cast<uint32_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

// Reads values from bytes. Once they run out, all further reads fail.
class Reader {
 public:
  Reader(const unsigned char* bytes, int64_t n_bytes)
      : at_(bytes), left_(n_bytes) {}

  template <typename T>
  T take() {
    T value{};
    if (!reserve(sizeof(T))) return value;
    std::memcpy(&value, at_ - sizeof(T), sizeof(T));
    return value;
  }

  std::string text() {
    const auto length = static_cast<int64_t>(take<uint32_t>());
    if (length > kMostTextBytes || !reserve(length)) {
      whole_ = false;
      return {};
    }
    return {reinterpret_cast<const char*>(at_ - length),
            static_cast<size_t>(length)};
  }

  // Whether all reads succeeded and only padding is left.
  bool done() const { return whole_ && left_ < 8; }
  bool whole() const { return whole_; }

 private:
  bool reserve(int64_t n_bytes) {
    whole_ = whole_ && n_bytes <= left_;
    if (!whole_) return false;
    at_ += n_bytes;
    left_ -= n_bytes;
    return true;
  }

  const unsigned char* at_;
  int64_t left_;
  bool whole_ = true;
};

void put_checksum(Bytes& out) { put(out, checksum_of(out.data(), out.size())); }

// Verifies a head whose last 8 bytes are the checksum of the bytes before them.
bool has_checksum(const unsigned char* bytes, int64_t n_bytes) {
  uint64_t stored = 0;
  std::memcpy(&stored, bytes + n_bytes - 8, 8);
  return stored == checksum_of(bytes, static_cast<size_t>(n_bytes - 8));
}

}  // namespace

Bytes pack_head(const Head& head) {
  Bytes out(kMagic, kMagic + 16);
  put(out, head.version);
  put(out, static_cast<uint32_t>(head.index_bytes()));
  put(out, head.n_genes);
  out.resize(kHeadBytes - 8);
  put_checksum(out);
  return out;
}

bool begins_as_corpus(const unsigned char* bytes, int64_t n_bytes) {
  return std::memcmp(bytes, kMagic, std::min<size_t>(n_bytes, 16)) == 0;
}

bool unpack_head(const unsigned char* bytes, Head& head) {
  if (!has_checksum(bytes, kHeadBytes)) return false;
  Reader reader(bytes + 16, kHeadBytes - 16);
  head.version = reader.take<uint32_t>();
  const auto index_bytes = static_cast<int64_t>(reader.take<uint32_t>());
  head.n_genes = reader.take<int64_t>();
  return head.version > kVersion ||
         (head.version > 0 && head.n_genes > 0 && head.n_genes <= INT32_MAX &&
          index_bytes == head.index_bytes());
}

static_assert(sizeof(Section) + 16 == kSectionBytes,
              "A section is written as it lies in memory.");

Bytes pack_section(const Section& section) {
  Bytes out;
  put(out, kSectionMagic);
  put(out, section);
  put_checksum(out);
  return out;
}

bool unpack_section(const unsigned char* bytes, Section& section) {
  Reader reader(bytes, kSectionBytes);
  if (reader.take<uint64_t>() != kSectionMagic ||
      !has_checksum(bytes, kSectionBytes)) {
    return false;
  }
  section = reader.take<Section>();
  return true;
}

Bytes pack_genes(const Genes& genes) {
  Bytes out;
  put_text(out, genes.recipe);
  for (size_t k = 0; k < genes.gene.size(); ++k) {
    put_text(out, genes.gene[k]);
    put_text(out, genes.symbol[k]);
    put_text(out, genes.ensembl[k]);
  }
  pad(out);
  return out;
}

bool unpack_genes(const Bytes& payload, int64_t n_genes, Genes& genes) {
  Reader reader(payload.data(), n_of(payload));
  genes.recipe = reader.text();
  for (int64_t k = 0; k < n_genes && reader.whole(); ++k) {
    genes.gene.push_back(reader.text());
    genes.symbol.push_back(reader.text());
    genes.ensembl.push_back(reader.text());
  }
  return reader.done();
}

Bytes pack_mark(const SourceMark& mark) {
  Bytes out;
  put_text(out, mark.name);
  put(out, mark.n_cells);
  put(out, mark.n_features);
  put(out, mark.map_checksum);
  pad(out);
  return out;
}

bool unpack_mark(const Bytes& payload, SourceMark& mark) {
  Reader reader(payload.data(), n_of(payload));
  mark.name = reader.text();
  mark.n_cells = reader.take<int64_t>();
  mark.n_features = reader.take<int64_t>();
  mark.map_checksum = reader.take<uint64_t>();
  return reader.done() && mark.n_cells >= 0 && mark.n_features >= 0;
}

}  // namespace sailer::packed
