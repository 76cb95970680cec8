#include "contents.h"

#include <algorithm>
#include <utility>

#include "../../support/checksum.h"
#include "../../support/error.h"
#include "../../support/tensor_file.h"

namespace sailer::packed {

namespace {

template <typename... Parts>
[[noreturn]] void fail_as_damaged(const DiskFile& file, const Parts&... what) {
  throw_file_error(file.path(), "is damaged: ", what...,
                   ". Copy it again, or remove it and build it again");
}

[[noreturn]] void fail_as_foreign(const DiskFile& file) {
  std::string beginning(static_cast<size_t>(std::min<int64_t>(file.size(), 64)),
                        '\0');
  file.read(0, n_of(beginning), beginning.data());
  const std::string what = looks_like(beginning);
  throw_file_error(file.path(),
                   "is not a corpus written by build_corpus(): it ",
                   what.empty() ? "does not begin like a sailer file"
                                : "looks like " + what);
}

uint64_t checksum_of_part(const DiskFile& file, int64_t at, int64_t n) {
  constexpr int64_t kPiece = int64_t{1} << 20;
  Checksum sum;
  Bytes piece;
  for (const int64_t end = at + n; at < end;) {
    piece.resize(std::min(kPiece, end - at));
    file.read(at, n_of(piece), piece.data());
    sum.add(piece.data(), piece.size());
    at += n_of(piece);
  }
  return sum.value();
}

constexpr char kChanged[] = "its bytes have changed since it was written";

class Walk {
 public:
  Walk(const DiskFile& file, Contents& contents)
      : file_(file), size_(file.size()), contents_(contents) {}

  bool through(Depth depth, const std::function<bool()>& cancelled) {
    read_head();
    Section section;
    while (at_ > 0 && next(section)) {
      const int64_t payload = at_ + kSectionBytes;
      const int64_t behind = payload + section.payload_bytes;
      if (depth == Depth::kPayloads) {
        if (cancelled && cancelled()) return false;
        const bool right =
            checksum_of_part(file_, payload, section.payload_bytes) ==
            section.payload_checksum;
        if (!right && behind >= size_) break;  // torn
        check(right, kChanged);
      }
      add(section);
      at_ = behind;
      contents_.whole_bytes = behind;
    }
    check_tail();
    contents_.finished = contents_.finished && contents_.whole_bytes == size_;
    return true;
  }

 private:
  void check(bool holds, const char* what) const {
    if (holds) return;
    fail_as_damaged(file_, "in the part that begins at byte ", at_, ", ", what);
  }

  void read_head() {
    unsigned char bytes[kHeadBytes] = {};
    const int64_t n = std::min(size_, kHeadBytes);
    file_.read(0, n, bytes);
    if (!begins_as_corpus(bytes, n)) fail_as_foreign(file_);
    if (n < kHeadBytes) return;
    if (!unpack_head(bytes, contents_.head)) {
      fail_as_damaged(file_,
                      "its first 64 bytes have changed since it was written");
    }
    if (contents_.head.version > kVersion) {
      throw_file_error(file_.path(),
                       "was written by a newer version of sailer than this "
                       "one; update sailer");
    }
    at_ = contents_.whole_bytes = kHeadBytes;
  }

  // Returns false at the end of the file or at a torn tail.
  bool next(Section& section) const {
    if (size_ - at_ < kSectionBytes) return false;
    unsigned char bytes[kSectionBytes];
    file_.read(at_, kSectionBytes, bytes);
    return unpack_section(bytes, section) && section.payload_bytes >= 0 &&
           section.payload_bytes % 8 == 0 &&
           section.payload_bytes <= size_ - at_ - kSectionBytes;
  }

  Bytes payload_of(const Section& section) const {
    Bytes bytes(static_cast<size_t>(section.payload_bytes));
    file_.read(at_ + kSectionBytes, section.payload_bytes, bytes.data());
    return bytes;
  }

  void add(const Section& section) {
    const bool open =
        !contents_.sources.empty() && !contents_.sources.back().whole;
    contents_.finished = false;
    check(contents_.has_genes != (section.kind == SectionKind::kVocabulary),
          "there are no genes, or genes again");
    switch (section.kind) {
      case SectionKind::kVocabulary:
        contents_.has_genes = unpack_genes(
            payload_of(section), contents_.head.n_genes, contents_.genes);
        return check(contents_.has_genes, "the genes cannot be read");
      case SectionKind::kSource:
        check(!open, "a source begins before the last one has ended");
        contents_.sources.emplace_back();
        contents_.sources.back().first_block = contents_.blocks.size();
        return check(
            unpack_mark(payload_of(section), contents_.sources.back().mark),
            "the name of a source cannot be read");
      case SectionKind::kBlock:
        check(open, "there are cells of no source");
        add_block(section);
        return add_counts(section);
      case SectionKind::kSourceEnd:
        check(open, "a source ends that has not begun");
        add_counts(section);
        contents_.sources.back().whole = true;
        return;
      case SectionKind::kEnd:
        check(!open, "the file ends before its last source");
        contents_.n_finished = contents_.sources.size();
        contents_.finished = true;
        return;
    }
    check(false, "it is of a kind that this version does not know");
  }

  void add_counts(const Section& section) {
    Source& source = contents_.sources.back();
    const int64_t most = source.mark.n_cells - source.n_read;
    check(section.input_cells >= section.n_cells && section.input_cells <= most,
          "it stands for more or fewer cells than its source has");
    source.add(section);
  }

  void add_block(const Section& section) {
    Block block;
    check(shape_block(section, contents_.head.index_bytes(), block),
          "its sizes do not fit each other");
    block.at = at_ + kSectionBytes;
    contents_.add(std::move(block));
  }

  // Nothing was ever written after a torn section. A complete section there
  // shows that the one before it was complete and has been damaged since.
  void check_tail() const {
    constexpr int64_t kPiece = int64_t{1} << 20;
    Section section;
    Bytes piece;
    for (int64_t at = contents_.whole_bytes + 8; at + kSectionBytes <= size_;
         at += kPiece) {
      const int64_t n = std::min(kPiece + kSectionBytes - 8, size_ - at);
      piece.resize(n);
      file_.read(at, n, piece.data());
      for (int64_t k = 0; k + kSectionBytes <= n; k += 8) {
        check(!unpack_section(piece.data() + k, section), kChanged);
      }
    }
  }

  const DiskFile& file_;
  int64_t size_;
  Contents& contents_;
  int64_t at_ = 0;
};

}  // namespace

void Source::add(const Section& section) {
  n_cells += section.n_cells;
  n_read += section.input_cells;
  all_counts += section.all_counts;
  kept_counts += section.kept_counts;
}

void Contents::add(Block block) {
  block.first_cell = n_cells;
  block.first_entry = n_entries;
  n_cells += block.n_cells;
  n_entries += block.n_entries;
  blocks.push_back(std::move(block));
  if (!sources.empty()) ++sources.back().n_blocks;
}

bool read_contents(const DiskFile& file, Depth depth, Contents& contents,
                   const std::function<bool()>& cancelled) {
  return Walk(file, contents).through(depth, cancelled);
}

}  // namespace sailer::packed
