// A target encoder in memory: each column, or interaction of columns, becomes what its levels predict.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "encoding_map.hpp"
#include "errors.hpp"
#include "java_numbers.hpp"
#include "scorer.hpp"

namespace mojo {

// A column, or the interaction of several.
struct EncodedColumn {
  std::string name;
  std::vector<std::size_t> from;
  std::vector<double> levels_of;        // of each column of an interaction
  std::vector<std::int64_t> to_domain;  // of an interaction: its known values, ascending
  bool had_missing = false;             // in training
  EncodingMap map;
};

class TargetEncoder final : public Scorer {
 public:
  std::size_t width() const override { return names.size(); }
  std::vector<std::string> value_names() const override { return names; }
  std::size_t nbytes() const override {
    std::size_t bytes = columns.capacity() * sizeof(EncodedColumn);
    for (const EncodedColumn& column : columns)
      bytes += column.map.nbytes() + column.to_domain.capacity() * sizeof(std::int64_t);
    return bytes;
  }
  void prepare(Scratch&) const override {}

  void score(const double* row, double, double* preds, Scratch&) const override {
    for (const EncodedColumn& column : columns) {
      const double* values = encode(column, row);
      preds = std::copy_n(values, column.map.width(), preds);
    }
  }

  std::vector<EncodedColumn> columns;
  std::vector<std::string> names;

 private:
  static const double* encode(const EncodedColumn& column, const double* row) {
    std::optional<std::int32_t> level;
    if (column.from.size() == 1) {
      double value = row[column.from[0]];
      if (!std::isnan(value)) level = to_int(value);
    } else {
      level = interact(column, row);
    }
    if (!level && !column.had_missing) return column.map.prior();
    std::int32_t wanted = level ? *level : column.map.missing_level();
    const double* values = column.map.find(wanted);
    if (!values)
      throw RowError("column " + column.name + ": level " + std::to_string(wanted) + " has no encoding");
    return values;
  }

  // The position of the combination among those that training saw, or nothing.
  static std::optional<std::int32_t> interact(const EncodedColumn& column, const double* row) {
    std::int64_t value = 0;
    std::int64_t multiplier = 1;
    for (std::size_t k = 0; k < column.from.size(); ++k) {
      double levels = column.levels_of[k];
      double level = row[column.from[k]];
      if (std::isnan(level) || level >= levels) level = levels;
      value = to_long(static_cast<double>(value) + static_cast<double>(multiplier) * level);
      multiplier = static_cast<std::int64_t>(static_cast<std::uint64_t>(multiplier) *
                                             static_cast<std::uint64_t>(levels + 1));
    }
    auto found = std::lower_bound(column.to_domain.begin(), column.to_domain.end(), value);
    if (found == column.to_domain.end() || *found != value) return std::nullopt;
    return static_cast<std::int32_t>(found - column.to_domain.begin());
  }
};

}  // namespace mojo
