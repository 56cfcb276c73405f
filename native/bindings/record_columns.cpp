#include "record_columns.hpp"

#include <nanobind/stl/string.h>

#include <cmath>
#include <set>
#include <utility>

#include "java_numbers.hpp"

namespace nb = nanobind;

namespace mojo {
namespace {

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

// The one object of this text: keys that are written in a program are found without comparing letters.
nb::str intern(const std::string& text) {
  PyObject* name = nb::str(text.c_str(), text.size()).release().ptr();
  PyUnicode_InternInPlace(&name);
  return nb::steal<nb::str>(name);
}

// Gaps of other libraries, known by how they compare with themselves: NaN and NaT say that they differ,
// pandas' NA and NumPy's masked answer with themselves.
bool is_gap(nb::handle value) {
  nb::object differs = nb::steal(PyObject_RichCompare(value.ptr(), value.ptr(), Py_NE));
  bool gap = differs.is_valid() &&
             (differs.is(value) || (!PySequence_Check(value.ptr()) && PyObject_IsTrue(differs.ptr()) == 1));
  forget_error();
  return gap;
}

}  // namespace

std::string name_type(nb::handle value) { return Py_TYPE(value.ptr())->tp_name; }

bool is_date(nb::handle value) {
  nb::object kind = nb::getattr(nb::getattr(value, "dtype", nb::none()), "kind", nb::none());
  std::string name;
  return nb::try_cast(kind, name) && (name == "M" || name == "m");
}

void forget_error() {
  if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_Exception)) throw nb::python_error();
  PyErr_Clear();
}

std::vector<LevelTable> make_level_tables(const Model& model) {
  std::vector<LevelTable> tables;
  tables.reserve(model.n_features());
  for (const InputColumn& input : model.inputs())
    tables.push_back(input.levels ? LevelTable(*input.levels) : LevelTable());
  return tables;
}

RecordColumns::RecordColumns(const Model& model, std::vector<LevelTable> tables)
    : features_(model.n_features()) {
  const std::vector<InputColumn>& inputs = model.inputs();
  std::set<std::string_view> later;
  columns_.resize(features_);
  for (std::size_t i = features_; i-- > 0;) {
    RecordColumn& column = columns_[i];
    column.input = &inputs[i];
    column.text = inputs[i].name;
    column.name = intern(inputs[i].name);
    column.shadowed = !later.insert(column.text).second;
    column.categorical = inputs[i].levels != nullptr;
    column.levels = std::move(tables[i]);
  }
  if (!model.offset_column()) return;
  RecordColumn& offset = columns_.emplace_back();
  offset.text = *model.offset_column();
  offset.name = intern(*model.offset_column());
}

std::string RecordColumns::describe(RecordPlace place) const {
  return "row " + std::to_string(place.row) + ", column '" + std::string(columns_[place.column].text) + "': ";
}

double RecordColumns::convert(nb::handle value, RecordPlace place) const {
  if (value.is_none()) return kMissing;
  if (PyUnicode_Check(value.ptr())) return convert_text(as_text(value), place);
  bool categorical = columns_[place.column].categorical;
  double number = 0;
  if (PyFloat_Check(value.ptr())) {
    number = PyFloat_AS_DOUBLE(value.ptr());
  } else if (!PyLong_Check(value.ptr()) && is_gap(value)) {
    return kMissing;
  } else {
    // Text-like things become numbers through __float__ only if they are numbers; bytes and dates are
    // refused.
    bool number_like = PyLong_Check(value.ptr()) || (PyNumber_Check(value.ptr()) && !is_date(value));
    nb::object converted = nb::steal(number_like ? PyNumber_Float(value.ptr()) : nullptr);
    if (!converted.is_valid()) {
      bool large = PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_OverflowError);
      forget_error();
      throw RowError(describe(place) + "a " + name_type(value) +
                     (large         ? " is too large for a double"
                      : categorical ? " is not a level: pass its text, or None"
                                    : " is not a number: pass one, or None"));
    }
    number = PyFloat_AsDouble(converted.ptr());
  }
  if (categorical && !std::isnan(number)) {
    throw RowError(describe(place) + "the column is categorical: pass the level as text, not a " +
                   name_type(value));
  }
  return number;
}

double RecordColumns::convert_text(std::optional<std::string_view> text, RecordPlace place) const {
  if (columns_[place.column].categorical) return find_level(text.value_or(std::string_view("\xff")), place);
  std::optional<double> number = text ? parse_java_double(*text) : std::nullopt;
  if (number) return *number;
  throw RowError(describe(place) + "'" + std::string(text.value_or("?")) + "' is not a number");
}

double RecordColumns::find_level(std::string_view level, RecordPlace place) const {
  const RecordColumn& column = columns_[place.column];
  const InputColumn& input = *column.input;
  std::uint32_t found = column.levels.find(level);
  if (found != LevelTable::kNone) return input.value_of(found);
  if (!input.prefix.empty()) {
    found = column.levels.find(input.prefix + std::string(level) + input.suffix);
    if (found != LevelTable::kNone) return input.value_of(found);
  }
  if (place.options.unseen) ++(*place.options.unseen)[place.column];
  if (!place.options.unseen_is_error) return input.unseen;
  throw RowError(describe(place) + "level '" + std::string(level) + "' was not seen in training");
}

}  // namespace mojo
