#include "sources.h"

#include <utility>

#include "count_check.h"

namespace sailer {

namespace {

class MatrixSource final : public CellSource {
 public:
  MatrixSource(const MatrixView& view, std::shared_ptr<const void> owner,
               std::string description)
      : view_(view),
        owner_(std::move(owner)),
        description_(std::move(description)) {
    const std::string broken =
        description_ +
        " is broken: its slot 'p' must rise from 0 to the number of entries (" +
        std::to_string(view_.n_entries) + ")";
    const int64_t first = view_.offsets[0], last = view_.offsets[n_cells()];
    if (first != 0 || last != view_.n_entries) {
      throw_error(ErrorKind::kData, broken, ", but runs from ", first, " to ",
                  last, ".");
    }
    for (int64_t cell = 0; cell < n_cells(); ++cell) {
      if (view_.offsets[cell + 1] >= view_.offsets[cell]) continue;
      throw_error(ErrorKind::kData, broken, ", but falls at column ", cell + 1,
                  ".");
    }
  }

  int64_t n_cells() const override { return view_.n_cells; }
  int64_t n_features() const override { return view_.n_features; }
  int64_t n_entries(int64_t first, int64_t count) const override {
    return int64_t{view_.offsets[first + count]} - view_.offsets[first];
  }
  std::string describe() const override { return description_; }

 private:
  void append(int64_t first, int64_t count, SparseRows& out) override {
    const int64_t begin = view_.offsets[first];
    const int64_t end = view_.offsets[first + count];
    const int64_t base = n_of(out.indices) - begin;
    out.indices.insert(out.indices.end(), view_.indices + begin,
                       view_.indices + end);
    out.values.resize(out.indices.size(), 1.0f);
    for (int64_t at = begin; at < end; ++at) {
      if (view_.indices[at] < 0 || view_.indices[at] >= n_features()) fail(at);
      if (view_.values == nullptr) continue;
      out.values[base + at] = whole_count(static_cast<float>(view_.values[at]));
    }
    for (int64_t cell = first; cell < first + count; ++cell) {
      out.offsets.push_back(base + view_.offsets[cell + 1]);
    }
  }

  [[noreturn]] void fail(int64_t at) const {
    throw_error(ErrorKind::kData, description_, " is broken: entry ", at + 1,
                " of its slot 'i' is ", view_.indices[at], ", but it has ",
                view_.n_features, " rows (counted from 0).");
  }

  MatrixView view_;
  std::shared_ptr<const void> owner_;
  std::string description_;
};

class ConcatSource final : public CellSource {
 public:
  ConcatSource(std::vector<ConcatPart> parts, int64_t n_features)
      : parts_(std::move(parts)), first_cells_{0}, n_features_(n_features) {
    for (const ConcatPart& part : parts_) {
      check_feature_map(part.map, part.source->n_features(), n_features_,
                        part.source->describe());
      first_cells_.push_back(first_cells_.back() + part.source->n_cells());
    }
  }

  int64_t n_cells() const override { return first_cells_.back(); }
  int64_t n_features() const override { return n_features_; }

  int64_t n_entries(int64_t first, int64_t count) const override {
    int64_t n = 0;
    for_each_part(first, count,
                  [&](const ConcatPart& part, int64_t from, int64_t some) {
                    n += part.source->n_entries(from, some);
                  });
    return n;
  }

  CellSourcePtr in_file_order(std::vector<int64_t>& order) const override {
    std::vector<ConcatPart> parts = parts_;
    std::vector<int64_t> own;
    bool sorted = true;
    order.clear();
    for (size_t k = 0; k < parts.size(); ++k) {
      const CellSourcePtr part = parts_[k].source->in_file_order(own);
      for (int64_t cell = 0; cell < parts_[k].source->n_cells(); ++cell) {
        order.push_back(first_cells_[k] + (part == nullptr ? cell : own[cell]));
      }
      if (part == nullptr) continue;
      parts[k].source = part;
      sorted = false;
    }
    return sorted ? nullptr : concat_sources(std::move(parts), n_features_);
  }

  std::string describe() const override {
    if (parts_.size() == 1) return parts_[0].source->describe();
    return std::to_string(parts_.size()) + " sets of cells";
  }

 private:
  void append(int64_t first, int64_t count, SparseRows& out) override {
    for_each_part(first, count,
                  [&](const ConcatPart& part, int64_t from, int64_t some) {
                    const int64_t from_row = out.n_rows();
                    part.source->read(from, some, out);
                    map_features(part.map, from_row, out);
                  });
  }

  // Calls visit(part, first cell within the part, number of cells).
  template <typename Visit>
  void for_each_part(int64_t first, int64_t count, const Visit& visit) const {
    for (const int64_t end = first + count; first < end;) {
      const auto after =
          std::upper_bound(first_cells_.begin(), first_cells_.end(), first);
      const int64_t stop = std::min(end, *after);
      visit(parts_[after - first_cells_.begin() - 1], first - *(after - 1),
            stop - first);
      first = stop;
    }
  }

  std::vector<ConcatPart> parts_;
  std::vector<int64_t> first_cells_;  // of each part, then the total
  int64_t n_features_;
};

class SubsetSource final : public CellSource {
 public:
  SubsetSource(CellSourcePtr base, Subset subset)
      : base_(std::move(base)), subset_(std::move(subset)) {
    merges_ =
        check_feature_map(subset_.map, base_->n_features(), subset_.n_features,
                          base_->describe(), Several::kMerged);
    if (subset_.all_cells) return;
    for (int64_t cell : subset_.cells) check_block(*base_, cell, 1);
  }

  int64_t n_cells() const override {
    return subset_.all_cells ? base_->n_cells() : n_of(subset_.cells);
  }
  int64_t n_features() const override { return subset_.n_features; }
  Packed packed() const override { return base_->packed(); }
  std::string describe() const override { return base_->describe(); }

  int64_t n_entries(int64_t first, int64_t count) const override {
    if (subset_.all_cells) return base_->n_entries(first, count);
    int64_t n = 0;
    for (int64_t k = first; k < first + count; ++k) {
      n += base_->n_entries(subset_.cells[k], 1);
    }
    return n;
  }

  CellSourcePtr in_file_order(std::vector<int64_t>& order) const override {
    const CellSourcePtr sorted = base_->in_file_order(order);
    const CellSourcePtr base = sorted == nullptr ? base_ : sorted;
    Subset subset = subset_;
    if (!subset.all_cells) {
      if (sorted != nullptr) {
        std::vector<int64_t> place(order.size());
        for (size_t k = 0; k < order.size(); ++k) {
          place[order[k]] = static_cast<int64_t>(k);
        }
        for (int64_t& cell : subset.cells) cell = place[cell];
      }
      order = rising_order(subset.cells);
      if (sorted == nullptr && std::is_sorted(order.begin(), order.end())) {
        return nullptr;
      }
      std::sort(subset.cells.begin(), subset.cells.end());
    } else if (sorted == nullptr) {
      return nullptr;
    }
    return choose(base, std::move(subset));
  }

 private:
  void append(int64_t first, int64_t count, SparseRows& out) override {
    const int64_t from = out.n_rows();
    if (subset_.all_cells) {
      base_->read(first, count, out);
    } else {
      base_->read_cells(subset_.cells.data() + first, count, out);
    }
    map(from, out);
  }

  void append_cells(const int64_t* cells, int64_t n, bool counts,
                    SparseRows& out) override {
    std::vector<int64_t> chosen(cells, cells + n);
    if (!subset_.all_cells) {
      for (int64_t& cell : chosen) cell = subset_.cells[cell];
    }
    const int64_t from = out.n_rows();
    counts ? base_->read_cells(chosen.data(), n, out)
           : base_->read_open(chosen.data(), n, out);
    map(from, out);
  }

  void map(int64_t from, SparseRows& out) const {
    map_features(subset_.map, from, out);
    if (merges_) merge_features(from, out);
  }

  CellSourcePtr base_;
  Subset subset_;
  bool merges_ = false;  // several features are mapped to one index
};

}  // namespace

CellSourcePtr matrix_source(const MatrixView& view,
                            std::shared_ptr<const void> owner,
                            std::string description) {
  return std::make_shared<MatrixSource>(view, std::move(owner),
                                        std::move(description));
}

CellSourcePtr concat_sources(std::vector<ConcatPart> parts,
                             int64_t n_features) {
  return std::make_shared<ConcatSource>(std::move(parts), n_features);
}

CellSourcePtr choose(CellSourcePtr source, Subset subset) {
  return std::make_shared<SubsetSource>(std::move(source), std::move(subset));
}

}  // namespace sailer
