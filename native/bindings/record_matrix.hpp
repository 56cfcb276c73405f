// Python records to the matrix of doubles that a model wants.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "arrow_stream.hpp"
#include "record_columns.hpp"

namespace mojo {

struct Records {
  Records(std::size_t n_rows, std::size_t n_features, bool with_offset);

  // The cell of a feature, or of the offset at index `width`.
  double& cell(std::size_t row, std::size_t column) {
    return column < width ? values[row * width + column] : offsets[row];
  }

  std::size_t rows;
  std::size_t width;
  std::vector<double> values;   // row-major
  std::vector<double> offsets;  // one per row where they were asked for
};

class RecordReader {
 public:
  // Holds views into `model`, which must outlive it.
  RecordReader(const Model& model, std::vector<LevelTable> tables) : columns_(model, std::move(tables)) {}

  // `data` is a sequence of dicts, a dict of columns, a table that speaks the Arrow C interface, or a matrix
  // of doubles that already is one. Throws RowError.
  Records read(nanobind::handle data, const ReadOptions& options) const;

 private:
  Records read_rows(nanobind::handle rows, const ReadOptions& options) const;
  Records read_columns(nanobind::dict given, const ReadOptions& options) const;
  void read_column(std::size_t index, nanobind::handle given, Records& out, const ReadOptions& options) const;
  Records read_table(ArrowStream& table, const ReadOptions& options) const;
  void read_arrow_column(const ArrowColumn& given, Records& out, RecordPlace place) const;

  RecordColumns columns_;
};

}  // namespace mojo
