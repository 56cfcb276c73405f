// Tables of pyarrow, pandas, polars and others, batch by batch, read where they lie.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "arrow_c_data.hpp"

namespace mojo {

// One column of one batch. A view: the stream that gave it must live.
class ArrowColumn {
 public:
  // Rows that are null in the batch are missing in each of its columns. Throws RowError when the column's
  // type is not understood.
  ArrowColumn(const ArrowSchema& schema, const ArrowArray& array, const ArrowArray& batch);

  std::int64_t length() const { return length_; }
  bool is_text() const { return kind_ == Kind::text; }
  bool is_dictionary() const { return kind_ == Kind::dictionary; }
  const std::string& type() const { return type_; }

  bool is_missing(std::int64_t row) const;
  double number(std::int64_t row) const;          // of a column that is neither text nor dictionary
  std::string_view text(std::int64_t row) const;  // of a text column
  std::int64_t code(std::int64_t row) const;      // of a dictionary column
  ArrowColumn dictionary() const;                 // its values

 private:
  enum class Kind { number, text, dictionary, nothing };

  // The values of a dictionary, which no batch holds, have none.
  ArrowColumn(const ArrowSchema& schema, const ArrowArray& array, const ArrowArray* batch,
              std::int64_t offset, std::int64_t length);
  void require_buffers(std::int64_t count) const;
  bool holds_nothing() const;
  double decimal(std::int64_t row) const;

  const ArrowSchema& schema_;
  const ArrowArray& array_;
  const ArrowArray* batch_;
  std::int64_t offset_;  // of row 0 in the buffers
  std::int64_t length_;
  Kind kind_ = Kind::number;
  char format_ = 0;  // the first character of Arrow's format string
  int scale_ = 0;    // of decimals: how many digits stand behind the point
  std::string type_;
};

class ArrowStream {
 public:
  static bool is_offered_by(nanobind::handle source) {
    return nanobind::hasattr(source, "__arrow_c_stream__");
  }

  // Throws nanobind::python_error when the source cannot be exported, RowError when it is no table.
  explicit ArrowStream(nanobind::handle source);
  ~ArrowStream();
  ArrowStream(const ArrowStream&) = delete;
  ArrowStream& operator=(const ArrowStream&) = delete;

  // False at the end. Columns of the last batch are invalid afterwards.
  bool next();
  std::int64_t rows() const { return batch_.length; }
  // The last column of that name.
  std::optional<std::int64_t> find(std::string_view name) const;
  ArrowColumn column(std::int64_t index) const;

 private:
  void fail(const char* what);

  nanobind::object capsule_;
  ArrowArrayStream* stream_;
  ArrowSchema schema_{};
  ArrowArray batch_{};
};

}  // namespace mojo
