// The columns that a model wants of a record, and what a value becomes there.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"

namespace mojo {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

struct ReadOptions {
  bool unseen_is_error = false;
  bool with_offset = false;
  // How many values of each feature named a level that training did not see; counted where given.
  std::vector<std::size_t>* unseen = nullptr;
};

struct RecordColumn {
  nanobind::str name;
  std::string_view text;
  const InputColumn* input = nullptr;  // none of the offset
  bool shadowed = false;               // a later column has the same name; Java fills only that one
  bool categorical = false;
  LevelTable levels;
};

// Where a value stands, and what to do with a level that is not known.
struct RecordPlace {
  const ReadOptions& options;
  std::size_t row;
  std::size_t column;
};

std::string name_type(nanobind::handle value);

// Whether it is a date or duration of NumPy, or an array of them. They turn into numbers when asked.
bool is_date(nanobind::handle value);

// Clears Python's error, where there is one, for a RowError that says more. What is no Exception, such as
// KeyboardInterrupt, is thrown on.
void forget_error();

// One per feature of the model, which must outlive them; empty where it is a number. Millions of levels take
// a while, and need no GIL.
std::vector<LevelTable> make_level_tables(const Model& model);

class RecordColumns {
 public:
  // Holds views into `model`, which must outlive it.
  RecordColumns(const Model& model, std::vector<LevelTable> tables);

  const RecordColumn& operator[](std::size_t index) const { return columns_[index]; }
  std::size_t features() const { return features_; }
  // The features, then the offset where it is asked for.
  std::size_t count(const ReadOptions& options) const {
    return options.with_offset ? columns_.size() : features_;
  }

  // Numbers, level indices, or NaN. Throws RowError.
  double convert(nanobind::handle value, RecordPlace place) const;
  // `text` is nothing where it cannot be encoded.
  double convert_text(std::optional<std::string_view> text, RecordPlace place) const;

  // How an error message begins.
  std::string describe(RecordPlace place) const;

 private:
  double find_level(std::string_view level, RecordPlace place) const;

  std::vector<RecordColumn> columns_;  // the features, then the offset where the model has one
  std::size_t features_ = 0;
};

}  // namespace mojo
