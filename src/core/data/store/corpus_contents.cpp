#include "corpus_contents.h"

#include <cstring>

#include "../../support/checksum.h"
#include "../../support/error.h"
#include "../seal.h"

namespace sailer::corpus {

namespace {

[[noreturn]] void fail(const MappedFile& file, const std::string& reason) {
  throw Error(ErrorKind::kFile, "The file '" + file.path() + "' " + reason);
}

[[noreturn]] void fail_as_damaged(const MappedFile& file,
                                  const std::string& what) {
  fail(file, "is damaged: " + what +
                 ". Copy it again, or remove it and build it again.");
}

[[noreturn]] void fail_as_foreign(const MappedFile& file) {
  Seal::Bytes bytes{};
  const int64_t n_bytes = std::min<int64_t>(file.size(), Seal::kSize);
  std::memcpy(bytes.data(), file.bytes(), static_cast<size_t>(n_bytes));
  const std::string what = looks_like(bytes, n_bytes);
  fail(file, "is no corpus as build_corpus() writes it: it " +
                 (what.empty() ? "begins like no file of sailer"
                               : "looks like " + what) +
                 ".");
}

// Where a cell begins rises from 0 to the number of entries.
bool offsets_fit(const unsigned char* payload, const Section& section) {
  const auto* offsets = reinterpret_cast<const uint32_t*>(payload);
  bool fit =
      offsets[0] == 0 &&
      static_cast<int64_t>(offsets[section.n_cells]) == section.n_entries;
  for (int64_t cell = 0; cell < section.n_cells; ++cell) {
    fit &= offsets[cell] <= offsets[cell + 1];
  }
  return fit;
}

class Walk {
 public:
  Walk(const MappedFile& file, Contents& contents)
      : file_(file), contents_(contents) {}

  bool through(Depth depth, const std::function<bool()>& cancelled) {
    read_head();
    Section section;
    while (at_ > 0 && next(section)) {
      const unsigned char* payload = file_.bytes() + at_ + kSectionBytes;
      const int64_t behind = at_ + kSectionBytes + section.payload_bytes;
      if (depth == Depth::kPayloads) {
        if (cancelled && cancelled()) return false;
        const bool right =
            checksum_of(payload, static_cast<size_t>(section.payload_bytes)) ==
            section.payload_checksum;
        if (!right && behind >= file_.size()) break;  // torn
        if (!right) damaged("its bytes have changed since it was written");
      }
      add(section, payload);
      at_ = behind;
      contents_.whole_bytes = behind;
    }
    check_tail();
    contents_.finished =
        contents_.finished && contents_.whole_bytes == file_.size();
    return true;
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    fail_as_damaged(file_, "in the part that begins at byte " +
                               std::to_string(at_) + ", " + what);
  }

  void read_head() {
    switch (unpack_head(file_.bytes(), file_.size(), contents_.head)) {
      case HeadState::kWhole:
        at_ = kHeadBytes;
        contents_.whole_bytes = kHeadBytes;
        return;
      case HeadState::kBegun:
        return;
      case HeadState::kForeign:
        fail_as_foreign(file_);
      case HeadState::kNewer:
        fail(file_,
             "was written by a newer version of sailer than this one; update "
             "sailer.");
      case HeadState::kDamaged:
        fail_as_damaged(file_,
                        "its first 64 bytes have changed since it was written");
    }
  }

  // False at the end, whole or torn.
  bool next(Section& section) const {
    return file_.size() - at_ >= kSectionBytes &&
           unpack_section(file_.bytes() + at_, section) &&
           section.payload_bytes >= 0 && section.payload_bytes % 8 == 0 &&
           section.payload_bytes <= file_.size() - at_ - kSectionBytes;
  }

  void add(const Section& section, const unsigned char* payload) {
    const bool open =
        !contents_.sources.empty() && !contents_.sources.back().whole;
    contents_.finished = false;
    if (contents_.has_genes == (section.kind == SectionKind::kVocabulary)) {
      damaged("there are no genes, or genes again");
    }
    switch (section.kind) {
      case SectionKind::kVocabulary:
        contents_.has_genes =
            unpack_genes(payload, section.payload_bytes, contents_.head.n_genes,
                         contents_.genes);
        if (!contents_.has_genes) damaged("the genes cannot be read");
        return;
      case SectionKind::kSource:
        if (open) damaged("a source begins before the last one has ended");
        contents_.sources.emplace_back();
        contents_.sources.back().first_block = contents_.blocks.size();
        if (!unpack_mark(payload, section.payload_bytes,
                         contents_.sources.back().mark)) {
          damaged("the name of a source cannot be read");
        }
        return;
      case SectionKind::kBlock:
        if (!open) damaged("there are cells of no source");
        add_block(section, payload);
        return add_counts(section);
      case SectionKind::kSourceEnd:
        if (!open) damaged("a source ends that has not begun");
        add_counts(section);
        contents_.sources.back().whole = true;
        return;
      case SectionKind::kEnd:
        if (open) damaged("the file ends before its last source");
        contents_.n_finished = contents_.sources.size();
        contents_.finished = true;
        return;
    }
    damaged("it is of a kind that this version does not know");
  }

  void add_counts(const Section& section) {
    Source& source = contents_.sources.back();
    const int64_t most = source.mark.n_cells - source.n_read;
    if (section.input_cells < section.n_cells || section.input_cells > most) {
      damaged("it stands for more or fewer cells than its source has");
    }
    source.n_cells += section.n_cells;
    source.n_read += section.input_cells;
    source.all_counts += section.all_counts;
    source.kept_counts += section.kept_counts;
  }

  void add_block(const Section& section, const unsigned char* payload) {
    const int64_t width = section.value_bytes;
    const int64_t most = section.payload_bytes;
    const bool in_range = section.n_cells > 0 && section.n_cells <= most &&
                          section.n_entries >= 0 && section.n_entries <= most &&
                          section.n_entries <= UINT32_MAX &&
                          (width == 1 || width == 2 || width == 4);
    if (!in_range) damaged("its sizes are out of range");
    Block block;
    block.places = places_in_block(section.n_cells, section.n_entries,
                                   contents_.head.index_bytes(), width);
    if (block.places.bytes != section.payload_bytes) {
      damaged("its sizes do not fit each other");
    }
    if (!offsets_fit(payload, section)) {
      damaged("its cells do not follow each other");
    }
    block.first_cell = contents_.n_cells;
    block.n_cells = section.n_cells;
    block.first_entry = contents_.n_entries;
    block.n_entries = section.n_entries;
    block.value_bytes = width;
    block.at = payload - file_.bytes();
    block.input_cells = section.input_cells;
    block.checksum = section.payload_checksum;
    contents_.blocks.push_back(block);
    contents_.n_cells += section.n_cells;
    contents_.n_entries += section.n_entries;
    ++contents_.sources.back().n_blocks;
  }

  // Behind a torn section nothing was written. A whole one there tells that the
  // section in front of it was whole once.
  void check_tail() const {
    Section section;
    const int64_t from = contents_.whole_bytes + 8;
    for (int64_t at = from; at + kSectionBytes <= file_.size(); at += 8) {
      if (unpack_section(file_.bytes() + at, section)) {
        damaged("its bytes have changed since it was written");
      }
    }
  }

  const MappedFile& file_;
  Contents& contents_;
  int64_t at_ = 0;
};

}  // namespace

bool read_contents(const MappedFile& file, Depth depth, Contents& contents,
                   const std::function<bool()>& cancelled) {
  return Walk(file, contents).through(depth, cancelled);
}

}  // namespace sailer::corpus
