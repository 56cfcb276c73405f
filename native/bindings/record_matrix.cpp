#include "record_matrix.hpp"

#include <nanobind/ndarray.h>

#include <cmath>

#include "numpy_arrays.hpp"

namespace nb = nanobind;

namespace mojo {
namespace {

bool is_mapping(nb::handle value) {
  return PyDict_Check(value.ptr()) || (PyMapping_Check(value.ptr()) && nb::hasattr(value, "keys"));
}

nb::dict as_dict(nb::handle mapping) {
  if (PyDict_Check(mapping.ptr())) return nb::borrow<nb::dict>(mapping);
  nb::dict copy;
  if (PyDict_Update(copy.ptr(), mapping.ptr()) != 0) throw nb::python_error();
  return copy;
}

// The column's values in Python's types: columns of NumPy and pandas, polars and pyarrow know how to make a
// list of them. Dates of NumPy would become integers there.
nb::object as_sequence(nb::handle column, std::string_view name) {
  nb::object values = nb::borrow(column);
  if (PyList_Check(values.ptr()) || PyTuple_Check(values.ptr()) || is_date(values)) return values;
  for (const char* method : {"tolist", "to_list", "to_pylist"}) {
    if (nb::hasattr(values, method)) return values.attr(method)();
  }
  bool bytes = PyBytes_Check(values.ptr()) || PyByteArray_Check(values.ptr());
  if (!PySequence_Check(values.ptr()) || bytes || is_mapping(values)) {
    throw RowError("column '" + std::string(name) + "' is a " + name_type(column) +
                   ": pass a list or a one-dimensional array");
  }
  return values;
}

using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu, nb::ro>;
using Doubles2 = nb::ndarray<const double, nb::ndim<2>, nb::device::cpu, nb::ro>;

Records copy_matrix(const Doubles2& matrix, std::size_t width) {
  if (matrix.shape(1) != width) {
    throw RowError("matrix has " + std::to_string(matrix.shape(1)) + " columns, the model wants " +
                   std::to_string(width));
  }
  Records out(matrix.shape(0), width, false);
  auto view = matrix.view();
  for (std::size_t i = 0; i < out.rows; ++i) {
    for (std::size_t k = 0; k < width; ++k) out.cell(i, k) = view(i, k);
  }
  return out;
}

}  // namespace

Records::Records(std::size_t n_rows, std::size_t n_features, bool with_offset)
    : rows(n_rows),
      width(n_features),
      values(n_rows * n_features, kMissing),
      offsets(with_offset ? n_rows : 0, kMissing) {}

Records RecordReader::read(nb::handle data, const ReadOptions& options) const {
  auto check = [&](Records records) {
    for (std::size_t i = 0; options.with_offset && i < records.rows; ++i) {
      if (records.offsets.size() <= i || std::isnan(records.offsets[i]))
        throw RowError(columns_.describe({options, i, columns_.features()}) + "the offset is missing");
    }
    return records;
  };
  // Asking a list for its arrays and tables would take longer than to read a row of it.
  if (PyList_CheckExact(data.ptr()) || PyTuple_CheckExact(data.ptr())) return check(read_rows(data, options));
  Doubles2 matrix;
  if (nb::try_cast(data, matrix, false)) {
    if (is_masked(data)) matrix = nb::cast<Doubles2>(data.attr("filled")(kMissing));
    return check(copy_matrix(matrix, columns_.features()));
  }
  bool mapping = is_mapping(data);
  if (ArrowStream::is_offered_by(data)) {
    try {
      ArrowStream table(data);
      return check(read_table(table, options));
    } catch (nb::python_error& error) {
      // pandas cannot export columns of mixed objects, or anything where pyarrow is missing.
      if (!mapping || !error.matches(PyExc_Exception)) throw;
    }
  }
  if (mapping) return check(read_columns(as_dict(data), options));
  bool text = PyUnicode_Check(data.ptr()) || PyBytes_Check(data.ptr());
  if (PySequence_Check(data.ptr()) && !text) return check(read_rows(data, options));
  throw RowError("data is a " + name_type(data) +
                 ": pass a list of dicts (rows), a dict of columns or an Arrow table");
}

Records RecordReader::read_rows(nb::handle rows, const ReadOptions& options) const {
  Py_ssize_t length = PySequence_Size(rows.ptr());
  if (length < 0) throw nb::python_error();
  Records out(static_cast<std::size_t>(length), columns_.features(), options.with_offset);
  for (std::size_t i = 0; i < out.rows; ++i) {
    nb::object row = nb::steal(PySequence_GetItem(rows.ptr(), static_cast<Py_ssize_t>(i)));
    if (!row.is_valid()) throw nb::python_error();
    if (!is_mapping(row))
      throw RowError("row " + std::to_string(i) + " is a " + name_type(row) + ": pass a dict");
    nb::dict record = as_dict(row);
    for (std::size_t k = 0; k < columns_.count(options); ++k) {
      if (columns_[k].shadowed) continue;
      nb::object value = nb::borrow(PyDict_GetItemWithError(record.ptr(), columns_[k].name.ptr()));
      if (value.is_valid()) {
        out.cell(i, k) = columns_.convert(value, {options, i, k});
      } else if (PyErr_Occurred()) {
        throw nb::python_error();
      }
    }
  }
  return out;
}

Records RecordReader::read_columns(nb::dict given, const ReadOptions& options) const {
  std::optional<std::size_t> count;
  for (auto [name, column] : given) {
    Py_ssize_t length = PyUnicode_Check(column.ptr()) ? -1 : PyObject_Size(column.ptr());
    std::string shown = nb::str(name).c_str();
    if (length < 0) {
      forget_error();
      throw RowError("column '" + shown + "' is a " + name_type(column) +
                     ": pass a list or array, or one row as [row]");
    }
    if (count && *count != static_cast<std::size_t>(length)) {
      throw RowError("column '" + shown + "' has " + std::to_string(length) + " values, others have " +
                     std::to_string(*count));
    }
    count = static_cast<std::size_t>(length);
  }
  Records out(count.value_or(0), columns_.features(), options.with_offset);
  for (std::size_t k = 0; k < columns_.count(options); ++k) {
    if (columns_[k].shadowed || !given.contains(columns_[k].name)) continue;
    read_column(k, given[columns_[k].name], out, options);
  }
  return out;
}

void RecordReader::read_column(std::size_t index, nb::handle given, Records& out,
                               const ReadOptions& options) const {
  Doubles doubles;
  // Masked numbers become None in the list.
  if (!columns_[index].categorical && !is_masked(given) && nb::try_cast(given, doubles, false)) {
    auto view = doubles.view();
    for (std::size_t i = 0; i < out.rows && i < view.shape(0); ++i) out.cell(i, index) = view(i);
    return;
  }
  nb::object values = as_sequence(given, columns_[index].text);
  for (std::size_t i = 0; i < out.rows; ++i) {
    nb::object value = nb::steal(PySequence_GetItem(values.ptr(), static_cast<Py_ssize_t>(i)));
    if (!value.is_valid()) throw nb::python_error();
    out.cell(i, index) = columns_.convert(value, {options, i, index});
  }
}

Records RecordReader::read_table(ArrowStream& table, const ReadOptions& options) const {
  std::vector<std::optional<std::int64_t>> places(columns_.count(options));
  for (std::size_t k = 0; k < places.size(); ++k) {
    if (!columns_[k].shadowed) places[k] = table.find(columns_[k].text);
  }
  Records out(0, columns_.features(), options.with_offset);
  while (table.next()) {
    std::size_t begin = out.rows;
    out.rows += static_cast<std::size_t>(table.rows());
    out.values.resize(out.rows * columns_.features(), kMissing);
    if (options.with_offset) out.offsets.resize(out.rows, kMissing);
    for (std::size_t k = 0; k < places.size(); ++k) {
      if (places[k]) read_arrow_column(table.column(*places[k]), out, {options, begin, k});
    }
  }
  return out;
}

// `place` is where the first value goes.
void RecordReader::read_arrow_column(const ArrowColumn& given, Records& out, RecordPlace place) const {
  std::optional<ArrowColumn> levels;
  if (given.is_dictionary()) levels.emplace(given.dictionary());
  const ArrowColumn& values = levels ? *levels : given;
  std::vector<std::optional<double>> known(levels ? static_cast<std::size_t>(levels->length()) : 0);
  for (std::int64_t i = 0; i < given.length(); ++i, ++place.row) {
    if (given.is_missing(i)) continue;
    double& cell = out.cell(place.row, place.column);
    std::int64_t at = i;
    if (levels) {
      at = given.code(i);
      if (at < 0 || at >= levels->length())
        throw RowError(columns_.describe(place) + "code outside its dictionary");
      if (known[static_cast<std::size_t>(at)]) {
        cell = *known[static_cast<std::size_t>(at)];
        continue;
      }
      if (levels->is_missing(at)) continue;
    }
    if (values.is_text()) {
      cell = columns_.convert_text(values.text(at), place);
    } else {
      cell = values.number(at);
      if (columns_[place.column].categorical && !std::isnan(cell)) {
        throw RowError(columns_.describe(place) +
                       "the column is categorical: pass the level as text, not Arrow type '" + values.type() +
                       "'");
      }
    }
    // A level that is not known is looked up again, so that each use of it is counted.
    const InputColumn* input = columns_[place.column].input;
    if (levels && !std::isnan(cell) && !(input && cell == input->unseen))
      known[static_cast<std::size_t>(at)] = cell;
  }
}

}  // namespace mojo
