#include "python_model.hpp"

#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <set>
#include <utility>

#include "numpy_arrays.hpp"
#include "word_vectors.hpp"

namespace nb = nanobind;

namespace mojo {
namespace {

// Rows, and rows times the bytes of the model, up to which scoring takes a few microseconds: less than to get
// back a GIL that was released.
constexpr std::size_t kHeldRows = 64;
constexpr std::size_t kHeldBytes = 1 << 20;

constexpr const char* kLabelColumn = "predict";

// None, one number for all rows, or one number per row.
std::optional<std::vector<double>> read_offset(nb::handle offset, std::size_t rows) {
  if (offset.is_none()) return std::nullopt;
  double number = 0;
  if (nb::try_cast(offset, number)) return std::vector<double>(rows, number);
  std::vector<double> offsets;
  if (!nb::try_cast(offset, offsets))
    throw RowError("offset is neither a number nor a one-dimensional array of numbers");
  if (offsets.size() != rows) {
    throw RowError("offset has " + std::to_string(offsets.size()) + " values for " + std::to_string(rows) +
                   " rows");
  }
  return offsets;
}

// Puts the numbers of `given`, float64[width] with NaN for none, in the place of missing values.
void fill_gaps(nb::handle given, Records& records) {
  VectorView fill(given);
  if (fill.size() != records.width) {
    throw RowError("fill has " + std::to_string(fill.size()) + " values, the model wants " +
                   std::to_string(records.width));
  }
  for (std::size_t i = 0; i < records.values.size(); ++i) {
    double& value = records.values[i];
    if (std::isnan(value)) value = fill.values()[i % records.width];
  }
}

bool unseen_is_error(std::string_view unseen) {
  if (unseen != "na" && unseen != "error") throw nb::value_error("unseen must be 'na' or 'error'");
  return unseen == "error";
}

Limits read_limits(const std::map<std::string, std::int64_t>& given) {
  Limits limits;
  std::size_t known = 0;
  auto set = [&]<class Field>(const char* name, Field& field) {
    auto found = given.find(name);
    if (found == given.end()) return;
    if (found->second < 0 || !std::in_range<Field>(found->second))
      throw nb::value_error((std::string("limit ") + name + " is " + std::to_string(found->second)).c_str());
    field = static_cast<Field>(found->second);
    ++known;
  };
  set("entries", limits.entries);
  set("entry_bytes", limits.entry_bytes);
  set("total_bytes", limits.total_bytes);
  set("ratio", limits.ratio);
  set("columns", limits.columns);
  set("classes", limits.classes);
  set("levels", limits.levels);
  set("total_levels", limits.total_levels);
  set("trees", limits.trees);
  set("depth", limits.depth);
  set("nesting", limits.nesting);
  if (known < given.size())
    throw nb::value_error(
        "limits are entries, entry_bytes, total_bytes, ratio, columns, classes, levels, total_levels, trees, depth, "
        "nesting");
  return limits;
}

nb::object output_column(const std::vector<double>& out, std::size_t k, std::size_t rows, std::size_t width) {
  NumpyArray column(rows);
  for (std::size_t i = 0; i < rows; ++i) column.values()[i] = out[i * width + k];
  return column.take();
}

}  // namespace

void raise_file_error(const FileError& error) {
  errno = error.code;
  PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.what());
  throw nb::python_error();
}

PyModel PyModel::load(const std::filesystem::path& path, const std::map<std::string, std::int64_t>& given) {
  Limits limits = read_limits(given);
  std::unique_ptr<const Model> model;
  std::vector<LevelTable> tables;
  try {
    nb::gil_scoped_release release;
    model = load_model(path.string(), limits);
    tables = make_level_tables(*model);
  } catch (const FileError& error) {
    raise_file_error(error);
  }
  return PyModel(std::move(model), std::move(tables));
}

PyModel::PyModel(std::unique_ptr<const Model> model, std::vector<LevelTable> tables)
    : model_(std::move(model)), reader_(*model_, std::move(tables)), label_column_(kLabelColumn) {
  std::set<std::string_view> taken;
  if (model_->info().is_classifier()) taken.insert(kLabelColumn);
  for (const std::string& name : model_->output_names()) {
    names_.emplace_back(name.c_str());
    if (!taken.insert(name).second && !repeated_name_) repeated_name_ = name;
  }
}

std::vector<std::string> PyModel::feature_names() const {
  std::vector<std::string> names;
  for (const InputColumn& input : model_->inputs()) names.push_back(input.name);
  return names;
}

std::map<std::string, std::vector<std::string>> PyModel::domains() const {
  std::map<std::string, std::vector<std::string>> result;
  for (const InputColumn& input : model_->inputs()) {
    if (input.levels) result[input.name] = input.levels->strings();
  }
  return result;
}

std::optional<std::vector<std::string>> PyModel::response_domain() const {
  if (!model_->info().is_classifier()) return std::nullopt;
  const std::optional<Domain>& domain = model_->info().response_domain();
  return domain ? std::optional(domain->strings()) : std::nullopt;
}

std::optional<std::string> PyModel::calibration() const {
  std::string method = model_->calibration_method();
  return method.empty() ? std::nullopt : std::optional(method);
}

Records PyModel::read(nb::handle data, std::string_view unseen) const {
  return reader_.read(data, {.unseen_is_error = unseen_is_error(unseen)});
}

nb::object PyModel::matrix(nb::handle data, std::string_view unseen) const {
  Records records = read(data, unseen);
  return copy_to_matrix(records.values, records.rows, model_->n_features());
}

nb::tuple PyModel::matrix_and_counts(nb::handle data, std::string_view unseen) const {
  std::size_t width = model_->n_features();
  std::vector<std::size_t> levels(width);
  Records records = reader_.read(data, {.unseen_is_error = unseen_is_error(unseen), .unseen = &levels});
  std::vector<std::size_t> gaps(width);
  for (std::size_t i = 0; i < records.values.size(); ++i)
    gaps[i % width] += std::isnan(records.values[i]) ? 1 : 0;
  nb::dict missing;
  nb::dict unknown;
  for (std::size_t k = 0; k < width; ++k) {
    const InputColumn& input = model_->inputs()[k];
    const char* name = input.name.c_str();
    std::size_t unseen_gaps = std::isnan(input.unseen) ? levels[k] : 0;
    if (gaps[k] > unseen_gaps) missing[name] = gaps[k] - unseen_gaps;
    if (levels[k] > 0) unknown[name] = levels[k];
  }
  nb::dict counts;
  counts["missing"] = missing;
  counts["unseen"] = unknown;
  return nb::make_tuple(copy_to_matrix(records.values, records.rows, width), counts);
}

nb::object PyModel::score(nb::handle given, nb::handle offset) const {
  MatrixView rows(given);
  if (rows.width() != model_->n_features()) {
    throw RowError("matrix has " + std::to_string(rows.width()) + " columns, the model wants " +
                   std::to_string(model_->n_features()));
  }
  std::optional<std::vector<double>> offsets = read_offset(offset, rows.rows());
  NumpyArray out(rows.rows(), model_->n_outputs());
  score_rows({rows.values(), rows.rows() * rows.width()}, {out.values(), rows.rows() * model_->n_outputs()},
             nullptr, offsets ? offsets->data() : nullptr);
  return out.take();
}

nb::object PyModel::score_records(nb::handle data, nb::handle fill, std::string_view unseen) const {
  if (model_->scorer().word_vectors()) throw RowError(kWordsNotRows);
  bool with_offset = model_->offset_column().has_value();
  Records records =
      reader_.read(data, {.unseen_is_error = unseen_is_error(unseen), .with_offset = with_offset});
  if (!fill.is_none()) fill_gaps(fill, records);
  NumpyArray out(records.rows, model_->n_outputs());
  score_rows(records.values, {out.values(), records.rows * model_->n_outputs()}, nullptr,
             with_offset ? records.offsets.data() : nullptr);
  return out.take();
}

void PyModel::score_rows(std::span<const double> rows, std::span<double> out, std::int32_t* labels,
                         const double* offsets) const {
  std::size_t most = kHeldBytes / std::max<std::size_t>(model_->nbytes(), 1);
  std::optional<nb::gil_scoped_release> release;
  if (model_->scorer().iterates() || rows.size() > model_->n_features() * std::min(most, kHeldRows))
    release.emplace();
  model_->score(rows, out, labels, offsets);
}

nb::dict PyModel::predict(nb::handle data, nb::handle offset, bool calibrated,
                          std::string_view unseen) const {
  // Else the first word would be called no number.
  if (model_->scorer().word_vectors()) throw RowError(kWordsNotRows);
  if (repeated_name_) throw RowError("output name '" + *repeated_name_ + "' is not unique: use score()");
  if (calibrated) require_calibration();
  bool from_data = offset.is_none() && model_->offset_column();
  Records records =
      reader_.read(data, {.unseen_is_error = unseen_is_error(unseen), .with_offset = from_data});
  std::size_t rows = records.rows;
  std::size_t width = model_->n_outputs();
  std::vector<double> out(rows * width);
  std::vector<std::int32_t> labels(rows);
  std::optional<std::vector<double>> offsets = read_offset(offset, rows);
  if (from_data) offsets = std::move(records.offsets);
  score_rows(records.values, out, labels.data(), offsets ? offsets->data() : nullptr);
  nb::dict result;
  if (model_->info().is_classifier()) result[label_column_] = name_labels(labels);
  for (std::size_t k = 0; k < width; ++k) result[names_[k]] = output_column(out, k, rows, width);
  if (calibrated) {
    std::vector<double> probabilities(out.size());
    model_->calibrate(out, probabilities);
    std::vector<std::string> names = model_->calibrated_names();
    for (std::size_t k = 0; k < width; ++k)
      result[nb::str(names[k].c_str())] = output_column(probabilities, k, rows, width);
  }
  return result;
}

nb::list PyModel::name_labels(const std::vector<std::int32_t>& labels) const {
  nb::list names = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(labels.size())));
  if (!names.is_valid()) throw nb::python_error();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    nb::handle name = Py_None;  // of an ordinal model without any likely class
    if (labels[i] >= 0) name = names_[static_cast<std::size_t>(labels[i])];
    PyList_SET_ITEM(names.ptr(), static_cast<Py_ssize_t>(i), name.inc_ref().ptr());
  }
  return names;
}

nb::object PyModel::calibrate(nb::handle given) const {
  require_calibration();
  MatrixView scores(given);
  if (scores.width() != 2)
    throw RowError("scores have " + std::to_string(scores.width()) + " columns, two classes have 2");
  NumpyArray out(scores.rows(), 2);
  model_->calibrate({scores.values(), scores.rows() * 2}, {out.values(), scores.rows() * 2});
  return out.take();
}

void PyModel::require_calibration() const {
  if (model_->calibration_method().empty())
    throw UnsupportedError("the model was trained without calibrated probabilities (calibrate_model)");
}

}  // namespace mojo
