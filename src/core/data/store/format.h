// The file format of packed cells: a corpus, which build_corpus() makes from
// the cells of many sources, cell by cell.
//
//   head      64 bytes: magic, version, bytes per gene index, number of genes
//   sections  each a head of 80 bytes with its own checksum and one (XXH64) of
//             the payload that follows it:
//     vocabulary    recipe, then gene, symbol and Ensembl id of every gene
//     source        begins a source: its name, shape and checksum of its map
//     block ...     some thousands of its cells
//     source end    the source is complete
//     end           the file is complete; more may be appended after it
//
// A block holds the offsets of its cells, in entries and in bytes (uint32,
// cells + 1 of each), then the features of each cell as packed by block.h, then
// the values (none, uint8, uint16 or float32, the narrowest type that holds all
// of them exactly). Within a cell features are ascending, and values are above
// zero. Features and values begin at multiples of 8 bytes. Numbers are little
// endian. A temporary store (store.h) consists of such blocks without heads.
//
// In version 1, which is still read but no longer written, a block held offsets
// in entries only, then features as uint16, or as uint32 for more than 65,536
// genes.
//
// Sections are only ever added at the end, so a writer that is killed leaves
// complete sections and a torn tail.
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

  // Bytes of a feature in a block; 0: packed bits.
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

// The head of a payload. Fields that a kind does not use are 0.
struct Section {
  SectionKind kind = SectionKind::kEnd;
  uint32_t value_bytes = 0;   // blocks: 0, 1, 2 or 4 (float32)
  int64_t n_cells = 0;        // blocks: cells in it
  int64_t n_entries = 0;      // blocks: non-zeros in it
  int64_t payload_bytes = 0;  // a multiple of 8
  int64_t input_cells = 0;    // cells read from the source, even if left out
  double all_counts = 0;      // sum of all counts of these cells
  double kept_counts = 0;     // sum of those of genes of the vocabulary
  uint64_t payload_checksum = 0;
};

struct Genes {
  // How the genes were chosen, as described by the caller: a build resumes only
  // if this is the same.
  std::string recipe;
  std::vector<std::string> gene, symbol, ensembl;  // "" if unknown

  int64_t size() const { return n_of(gene); }
};

// Identifies a source when writing it is resumed.
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

// Returns whether the first `n_bytes` of a file may be those of a corpus.
bool begins_as_corpus(const unsigned char* bytes, int64_t n_bytes);

// Returns false for a damaged head. For a newer version only `version` is
// valid.
bool unpack_head(const unsigned char* bytes, Head& head);

// Returns false if there is no section head, or a damaged one. `bytes` must
// have at least kSectionBytes.
bool unpack_section(const unsigned char* bytes, Section& section);

// Return false if the payload is not one of this kind.
bool unpack_genes(const Bytes& payload, int64_t n_genes, Genes& genes);
bool unpack_mark(const Bytes& payload, SourceMark& mark);

}  // namespace sailer::packed
