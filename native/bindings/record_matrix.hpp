// Python records to the matrix of doubles that a model wants.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model.hpp"

namespace mojo {

class RecordReader {
 public:
  // Holds views into `model`, which must outlive it.
  explicit RecordReader(const Model& model);

  // `data` is a sequence of dicts or a dict of columns. Returns row-major values, n_features per row.
  // Throws RowError.
  std::vector<double> read(nanobind::handle data, bool unseen_is_error) const;

  // The offset column of the records, one value per row; nothing where the model has none. Throws RowError.
  std::optional<std::vector<double>> read_offsets(nanobind::handle data) const;

 private:
  struct Feature {
    nanobind::str name;
    std::string_view text;
    bool shadowed = false;  // a later column has the same name; Java fills only that one
    bool categorical = false;
    std::unordered_map<std::string_view, double> levels;
  };

  struct Options {
    bool unseen_is_error;
    std::size_t row;
  };

  std::vector<double> read_rows(nanobind::handle rows, bool unseen_is_error) const;
  std::vector<double> read_columns(nanobind::dict columns, bool unseen_is_error) const;
  void read_column(const Feature& feature, std::size_t index, nanobind::handle column,
                   std::vector<double>& out, bool unseen_is_error) const;
  double convert(const Feature& feature, nanobind::handle value, Options options) const;
  double find_level(const Feature& feature, std::string_view level, Options options) const;

  std::vector<Feature> features_;
  std::optional<Feature> offset_;
};

}  // namespace mojo
