// What the records of a model hold, and how they become the row that its scorer takes: for most models the
// same thing; tree models and networks may have been trained on encoded levels.
#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model_source.hpp"

namespace mojo {

// A column of the records.
struct InputColumn {
  // What stands in a model's matrix for a level.
  double value_of(std::size_t level) const {
    return values.empty() ? static_cast<double>(level) : values[level];
  }

  std::string name;
  const Domain* levels = nullptr;   // none for numbers; the model keeps them
  std::vector<double> values = {};  // per level; empty: its index
  // A level that is not known is looked up again between these, where they are not both empty.
  std::string prefix = {}, suffix = {};
  double unseen = std::numeric_limits<double>::quiet_NaN();  // what stands for a level that stays unknown
};

class CategoricalEncoding {
 public:
  // Nothing where records are rows. Throws FormatError, UnsupportedError.
  static std::unique_ptr<CategoricalEncoding> read(const ModelSource& source);

  const std::vector<InputColumn>& columns() const { return columns_; }
  // `record` has one value per column, `row` n_features. Missing values stay missing in all their cells,
  // which is how h2o-genmodel treats what a record does not hold. Throws RowError.
  void encode(const double* record, double* row) const;

 private:
  friend class EncodingReader;

  // Where a column goes.
  struct Cells {
    enum class Kind { copied, one_hot, bits } kind = Kind::copied;
    std::size_t first = 0;
    std::size_t count = 1;
    std::size_t levels = 0;
  };

  std::vector<InputColumn> columns_;
  std::vector<std::unique_ptr<Domain>> domains_;
  std::vector<Cells> cells_;  // per column
  std::size_t n_features_ = 0;
};

// The columns of a model whose records are rows. They point into `info`.
std::vector<InputColumn> plain_columns(const ModelInfo& info);

}  // namespace mojo
