// Python records to the matrix of doubles that a model wants.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arrow_stream.hpp"
#include "model.hpp"

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
  struct Options {
    bool unseen_is_error = false;
    bool with_offset = false;
    // How many values of each feature named a level that training did not see; counted where given.
    std::vector<std::size_t>* unseen = nullptr;
  };

  // Holds views into `model`, which must outlive it.
  explicit RecordReader(const Model& model);

  // `data` is a sequence of dicts, a dict of columns, a table that speaks the Arrow C interface, or a matrix
  // of doubles that already is one. Throws RowError.
  Records read(nanobind::handle data, const Options& options) const;

 private:
  struct Column {
    nanobind::str name;
    std::string_view text;
    const InputColumn* input = nullptr;  // none of the offset
    bool shadowed = false;               // a later column has the same name; Java fills only that one
    bool categorical = false;
    std::unordered_map<std::string_view, double> levels;
  };

  // Where a value stands, and what to do with a level that is not known.
  struct Place {
    const Options& options;
    std::size_t row;
    std::size_t column;
  };

  std::size_t count_columns(const Options& options) const {
    return options.with_offset ? columns_.size() : n_features_;
  }
  Records read_rows(nanobind::handle rows, const Options& options) const;
  Records read_columns(nanobind::dict given, const Options& options) const;
  void read_column(std::size_t index, nanobind::handle given, Records& out, const Options& options) const;
  Records read_table(ArrowStream& table, const Options& options) const;
  void read_arrow_column(const ArrowColumn& given, Records& out, Place place) const;
  double convert(nanobind::handle value, Place place) const;
  double convert_text(std::optional<std::string_view> text, Place place) const;
  double find_level(std::string_view level, Place place) const;
  std::string describe(Place place) const;

  std::vector<Column> columns_;  // the features, then the offset where the model has one
  std::size_t n_features_ = 0;
};

}  // namespace mojo
