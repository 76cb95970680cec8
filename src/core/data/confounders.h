// Known confounders of a cell's profile, encoded as the numbers c that the
// decoder reads: standardised log depth, one-hot labels, standardised
// covariates. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../support/n_of.h"

namespace sailer {

// One label per cell: a code in [0, n_levels), or -1 for a level that the model
// has not seen, which is encoded as all zeros.
struct LabelColumn {
  std::string name;
  std::vector<int32_t> codes;
  int32_t n_levels = 0;
};

struct NumberColumn {
  std::string name;
  std::vector<double> values;
};

struct Confounders {
  std::vector<double> depth;  // open peaks of each cell, at least 1
  std::vector<LabelColumn> labels;
  std::vector<NumberColumn> numbers;

  int64_t n_cells() const { return n_of(depth); }
};

struct Standard {
  double mean = 0;
  double sd = 1;  // population standard deviation; 1 if it is zero
};

// Learned from the training cells and stored in the fit.
struct ConfounderScaling {
  Standard log_depth;
  std::vector<Standard> numbers;
};

// The rows c [cells x width]. A label is stored as the column of its 1, because
// 1,000 levels of 6 million cells would take 24 GB when written out.
struct ConfounderMatrix {
  int64_t width = 0;
  std::vector<int32_t> number_columns;  // all but those of labels
  std::vector<float> numbers;           // [cells x number_columns]
  int64_t n_labels = 0;
  std::vector<int32_t> ones;  // [cells x n_labels]; `width` if there is none

  int64_t values_per_cell() const { return n_of(number_columns) + n_labels; }

  // Number of label columns, which start at column 1.
  int64_t n_label_columns() const { return width - n_of(number_columns); }

  // Returns whether there is a row for each of `n_cells` cells.
  bool has_rows(int64_t n_cells) const {
    return n_of(numbers) == n_cells * n_of(number_columns) &&
           n_of(ones) == n_cells * n_labels;
  }

  // Writes the row of a cell to row[0] ... row[width - 1].
  void write_row(int64_t cell, float* row) const;
};

// Makes a matrix of numbers only, given row-major [cells x width].
ConfounderMatrix confounders_of_numbers(int64_t width,
                                        std::vector<float> numbers);

// The columns are: log depth; the levels of each label in turn; each number.
ConfounderScaling fit_scaling(const Confounders& confounders,
                              const std::vector<int64_t>& cells);
ConfounderMatrix encode(const Confounders& confounders,
                        const ConfounderScaling& scaling);

// A reference embedding of the cells, row-major.
struct Reference {
  int64_t width = 0;           // 0: no reference
  std::vector<float> values;   // [cells x width], 0 for cells without one
  std::vector<float> present;  // [cells], 0 or 1
  std::vector<float> weight;   // [cells]
};

}  // namespace sailer
