// How packed cells lie in a file: a corpus, which build_corpus() makes of the
// cells of many sources, cell after cell.
//
//   head      64 bytes: magic, version, bytes of a gene number, genes
//   sections  each a head of 80 bytes with a checksum of its own and one
//             (XXH64) of the payload that follows it:
//     vocabulary    recipe, then gene, symbol and Ensembl id of every gene
//     source        begins a source: its name, shape and map of features
//     block ...     some thousand cells of it
//     source end    the source is whole
//     end           the file is whole; more may be appended behind it
//
// A block holds where each of its cells begins, in entries and in bytes
// (uint32, cells + 1 of either), then the features of each cell as block.h
// packs them, then the values (none, uint8, uint16 or float32, the narrowest
// that holds all of them exactly). In a cell features rise and values are above
// zero. Bits and values begin at multiples of 8 bytes. Numbers are little
// endian. A temporary store (store.h) is such blocks without heads.
//
// In version 1, which is read but no longer written, a block held where cells
// begin in entries alone, then features as uint16, or uint32 where there are
// more than 65,536 of them.
//
// Sections are only ever added at the end, so a writer that was killed leaves
// whole ones and a torn tail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../../support/n_of.h"

namespace sailer::packed {

using Bytes = std::vector<unsigned char>;

inline constexpr uint32_t kVersion = 2;
inline constexpr int64_t kHeadBytes = 64;
inline constexpr int64_t kSectionBytes = 80;
inline constexpr int64_t kMostNarrowGenes = 65536;

struct Head {
  uint32_t version = kVersion;
  int64_t n_genes = 0;

  // Of a feature in a block; 0: packed bits.
  int64_t index_bytes() const {
    if (version > 1) return 0;
    return n_genes > kMostNarrowGenes ? 4 : 2;
  }
};

enum class SectionKind : uint32_t {
  kVocabulary = 1,
  kSource = 2,
  kBlock = 3,
  kSourceEnd = 4,
  kEnd = 5
};

// What stands before a payload. Fields that a kind does not use are 0.
struct Section {
  SectionKind kind = SectionKind::kEnd;
  uint32_t value_bytes = 0;   // blocks: 0, 1, 2 or 4 (float32)
  int64_t n_cells = 0;        // blocks: cells in it
  int64_t n_entries = 0;      // blocks: non-zeros in it
  int64_t payload_bytes = 0;  // a multiple of 8
  int64_t input_cells = 0;    // cells of the source behind it, left out or not
  double all_counts = 0;      // sum of all counts of these cells
  double kept_counts = 0;     // and of those of genes of the vocabulary
  uint64_t payload_checksum = 0;
};

struct Genes {
  // How the genes were chosen, in words of the caller: a build continues only
  // where it is the same.
  std::string recipe;
  std::vector<std::string> gene, symbol, ensembl;  // "" where not known

  int64_t size() const { return n_of(gene); }
};

// What a source is known by when its writing continues.
struct SourceMark {
  std::string name;
  int64_t n_cells = 0;
  int64_t n_features = 0;
  uint64_t map_checksum = 0;
};

inline int64_t padded(int64_t n_bytes) { return (n_bytes + 7) / 8 * 8; }
inline void pad(Bytes& out) { out.resize((out.size() + 7) / 8 * 8); }

Bytes pack_head(const Head& head);
Bytes pack_section(const Section& section);
Bytes pack_genes(const Genes& genes);
Bytes pack_mark(const SourceMark& mark);

// Whether `n_bytes` of a file begin as a corpus does, as far as they go.
bool begins_as_corpus(const unsigned char* bytes, int64_t n_bytes);

// False for a damaged head. Of a newer version its number alone is right.
bool unpack_head(const unsigned char* bytes, Head& head);

// False where there is no head of a section, or a damaged one. `bytes` has at
// least kSectionBytes.
bool unpack_section(const unsigned char* bytes, Section& section);

// False when the payload is not what its kind has.
bool unpack_genes(const Bytes& payload, int64_t n_genes, Genes& genes);
bool unpack_mark(const Bytes& payload, SourceMark& mark);

}  // namespace sailer::packed
