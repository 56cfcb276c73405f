#include "record_matrix.hpp"

#include <nanobind/ndarray.h>

#include <cmath>
#include <limits>
#include <set>

#include "java_numbers.hpp"

namespace nb = nanobind;

namespace mojo {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string place(std::size_t row, std::string_view column) {
  return "row " + std::to_string(row) + ", column '" + std::string(column) + "': ";
}

std::string name_type(nb::handle value) { return Py_TYPE(value.ptr())->tp_name; }

// Nothing for text that cannot be encoded, such as lone surrogates: no level is spelled so.
std::optional<std::string_view> as_text(nb::handle value) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
  if (!data) {
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string_view(data, static_cast<std::size_t>(size));
}

bool is_mapping(nb::handle value) {
  return PyDict_Check(value.ptr()) || (PyMapping_Check(value.ptr()) && nb::hasattr(value, "keys"));
}

nb::dict as_dict(nb::handle mapping) {
  if (PyDict_Check(mapping.ptr())) return nb::borrow<nb::dict>(mapping);
  nb::dict copy;
  if (PyDict_Update(copy.ptr(), mapping.ptr()) != 0) throw nb::python_error();
  return copy;
}

// A list or tuple of the column's values; NumPy and pandas columns know how to become one.
nb::object as_sequence(nb::handle column, std::string_view name) {
  nb::object values = nb::borrow(column);
  if (!PyList_Check(values.ptr()) && !PyTuple_Check(values.ptr()) && nb::hasattr(values, "tolist"))
    values = values.attr("tolist")();
  if (!PyList_Check(values.ptr()) && !PyTuple_Check(values.ptr())) {
    throw RowError("column '" + std::string(name) + "' is a " + name_type(column) +
                   ": pass a list or a one-dimensional array");
  }
  return values;
}

using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu, nb::ro>;

}  // namespace

RecordReader::RecordReader(const Model& model) {
  const ModelInfo& info = model.info();
  std::set<std::string_view> later;
  features_.resize(info.n_features);
  for (std::size_t i = info.n_features; i-- > 0;) {
    Feature& feature = features_[i];
    feature.text = info.columns[i];
    feature.name = nb::str(info.columns[i].c_str(), info.columns[i].size());
    feature.shadowed = !later.insert(feature.text).second;
    feature.categorical = info.domains[i].has_value();
    if (!feature.categorical) continue;
    const Domain& domain = *info.domains[i];
    for (std::size_t level = 0; level < domain.size(); ++level)
      feature.levels[domain[level]] = static_cast<double>(level);
  }
  if (!model.offset_column()) return;
  offset_.emplace();
  offset_->text = *model.offset_column();
  offset_->name = nb::str(model.offset_column()->c_str(), model.offset_column()->size());
}

std::optional<std::vector<double>> RecordReader::read_offsets(nb::handle data) const {
  if (!offset_) return std::nullopt;
  auto missing = [&](std::size_t row) {
    return RowError(place(row, offset_->text) + "the offset is missing");
  };
  std::vector<double> out;
  if (is_mapping(data)) {
    nb::dict columns = as_dict(data);
    if (!columns.contains(offset_->name)) throw missing(0);
    nb::object values = as_sequence(columns[offset_->name], offset_->text);
    for (nb::handle value : values) out.push_back(convert(*offset_, value, {false, out.size()}));
  } else {
    for (nb::handle row : data) {
      nb::dict record = as_dict(row);
      if (!record.contains(offset_->name)) throw missing(out.size());
      out.push_back(convert(*offset_, record[offset_->name], {false, out.size()}));
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (std::isnan(out[i])) throw missing(i);
  }
  return out;
}

std::vector<double> RecordReader::read(nb::handle data, bool unseen_is_error) const {
  if (is_mapping(data)) return read_columns(as_dict(data), unseen_is_error);
  bool text = PyUnicode_Check(data.ptr()) || PyBytes_Check(data.ptr());
  if (PySequence_Check(data.ptr()) && !text) return read_rows(data, unseen_is_error);
  throw RowError("data is a " + name_type(data) + ": pass a list of dicts (rows) or a dict of columns");
}

std::vector<double> RecordReader::read_rows(nb::handle rows, bool unseen_is_error) const {
  Py_ssize_t length = PySequence_Size(rows.ptr());
  if (length < 0) throw nb::python_error();
  auto count = static_cast<std::size_t>(length);
  std::vector<double> out(count * features_.size(), kMissing);
  for (std::size_t i = 0; i < count; ++i) {
    nb::object row = nb::steal(PySequence_GetItem(rows.ptr(), static_cast<Py_ssize_t>(i)));
    if (!row.is_valid()) throw nb::python_error();
    if (!is_mapping(row))
      throw RowError("row " + std::to_string(i) + " is a " + name_type(row) + ": pass a dict");
    nb::dict record = as_dict(row);
    for (std::size_t k = 0; k < features_.size(); ++k) {
      const Feature& feature = features_[k];
      if (feature.shadowed) continue;
      nb::object value = nb::borrow(PyDict_GetItemWithError(record.ptr(), feature.name.ptr()));
      if (value.is_valid()) {
        out[i * features_.size() + k] = convert(feature, value, {unseen_is_error, i});
      } else if (PyErr_Occurred()) {
        throw nb::python_error();
      }
    }
  }
  return out;
}

std::vector<double> RecordReader::read_columns(nb::dict columns, bool unseen_is_error) const {
  std::optional<std::size_t> count;
  for (auto [name, column] : columns) {
    Py_ssize_t length = PyUnicode_Check(column.ptr()) ? -1 : PyObject_Size(column.ptr());
    std::string shown = nb::str(name).c_str();
    if (length < 0) {
      PyErr_Clear();
      throw RowError("column '" + shown + "' is a " + name_type(column) +
                     ": pass a list or array, or one row as [row]");
    }
    if (count && *count != static_cast<std::size_t>(length)) {
      throw RowError("column '" + shown + "' has " + std::to_string(length) + " values, others have " +
                     std::to_string(*count));
    }
    count = static_cast<std::size_t>(length);
  }
  std::vector<double> out(count.value_or(0) * features_.size(), kMissing);
  for (std::size_t k = 0; k < features_.size(); ++k) {
    const Feature& feature = features_[k];
    if (feature.shadowed || !columns.contains(feature.name)) continue;
    read_column(feature, k, columns[feature.name], out, unseen_is_error);
  }
  return out;
}

void RecordReader::read_column(const Feature& feature, std::size_t index, nb::handle column,
                               std::vector<double>& out, bool unseen_is_error) const {
  std::size_t width = features_.size();
  std::size_t rows = out.size() / width;
  Doubles doubles;
  if (!feature.categorical && nb::try_cast(column, doubles, false)) {
    auto view = doubles.view();
    for (std::size_t i = 0; i < rows && i < view.shape(0); ++i) out[i * width + index] = view(i);
    return;
  }
  nb::object values = as_sequence(column, feature.text);
  for (std::size_t i = 0; i < rows; ++i) {
    nb::object value = nb::steal(PySequence_GetItem(values.ptr(), static_cast<Py_ssize_t>(i)));
    if (!value.is_valid()) throw nb::python_error();
    out[i * width + index] = convert(feature, value, {unseen_is_error, i});
  }
}

double RecordReader::convert(const Feature& feature, nb::handle value, Options options) const {
  if (value.is_none()) return kMissing;
  if (PyUnicode_Check(value.ptr())) {
    std::optional<std::string_view> text = as_text(value);
    if (feature.categorical) return find_level(feature, text.value_or(std::string_view("\xff")), options);
    std::optional<double> number = text ? parse_java_double(*text) : std::nullopt;
    if (number) return *number;
    throw RowError(place(options.row, feature.text) + "'" + std::string(text.value_or("?")) +
                   "' is not a number");
  }
  double number = 0;
  if (PyFloat_CheckExact(value.ptr())) {
    number = PyFloat_AS_DOUBLE(value.ptr());
  } else {
    // Text-like things become numbers through __float__ only if they are numbers; bytes and dates are
    // refused.
    nb::object converted = nb::steal(PyNumber_Check(value.ptr()) ? PyNumber_Float(value.ptr()) : nullptr);
    if (!converted.is_valid()) {
      PyErr_Clear();
      throw RowError(place(options.row, feature.text) + "a " + name_type(value) +
                     (feature.categorical ? " is not a level" : " is not a number"));
    }
    number = PyFloat_AsDouble(converted.ptr());
  }
  if (feature.categorical && !std::isnan(number)) {
    throw RowError(place(options.row, feature.text) +
                   "the column is categorical: pass the level as text, not a " + name_type(value));
  }
  return number;
}

double RecordReader::find_level(const Feature& feature, std::string_view level, Options options) const {
  auto found = feature.levels.find(level);
  if (found != feature.levels.end()) return found->second;
  found = feature.levels.find(std::string(feature.text) + "." + std::string(level));
  if (found != feature.levels.end()) return found->second;
  if (!options.unseen_is_error) return kMissing;
  throw RowError(place(options.row, feature.text) + "level '" + std::string(level) +
                 "' was not seen in training");
}

}  // namespace mojo
