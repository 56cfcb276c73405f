// The Python face: mojo_scorer._core.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>

#include "docs.hpp"
#include "model.hpp"
#include "numpy_arrays.hpp"
#include "record_matrix.hpp"
#include "word_vectors.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace mojo {
namespace {

using Vector = nb::ndarray<nb::numpy, float, nb::ndim<1>>;

nb::object to_matrix(const std::vector<double>& values, std::size_t rows, std::size_t width) {
  NumpyArray matrix(rows, width);
  std::ranges::copy(values, matrix.values());
  return matrix.take();
}

class PyModel {
 public:
  explicit PyModel(std::unique_ptr<const Model> model) : model_(std::move(model)), reader_(*model_) {
    for (const std::string& name : model_->output_names()) names_.emplace_back(name.c_str());
  }

  const Model& model() const { return *model_; }

  nb::object matrix(nb::handle data, const std::string& unseen) const {
    Records records = reader_.read(data, {.unseen_is_error = unseen_is_error(unseen)});
    return to_matrix(records.values, records.rows, model_->n_features());
  }

  nb::tuple matrix_and_counts(nb::handle data, const std::string& unseen) const {
    std::size_t width = model_->n_features();
    std::vector<std::size_t> levels(width);
    Records records = reader_.read(data, {.unseen_is_error = unseen_is_error(unseen), .unseen = &levels});
    std::vector<std::size_t> gaps(width);
    for (std::size_t i = 0; i < records.values.size(); ++i)
      gaps[i % width] += std::isnan(records.values[i]) ? 1 : 0;
    nb::dict missing;
    nb::dict unknown;
    for (std::size_t k = 0; k < width; ++k) {
      const char* name = model_->info().columns[k].c_str();
      if (gaps[k] > levels[k]) missing[name] = gaps[k] - levels[k];
      if (levels[k] > 0) unknown[name] = levels[k];
    }
    nb::dict counts;
    counts["missing"] = missing;
    counts["unseen"] = unknown;
    return nb::make_tuple(to_matrix(records.values, records.rows, width), counts);
  }

  nb::object score(nb::handle given, nb::handle offset) const {
    MatrixView rows(given);
    if (rows.width() != model_->n_features()) {
      throw RowError("matrix has " + std::to_string(rows.width()) + " columns, the model wants " +
                     std::to_string(model_->n_features()));
    }
    std::optional<std::vector<double>> offsets = read_offset(offset, rows.rows());
    NumpyArray out(rows.rows(), model_->n_outputs());
    {
      nb::gil_scoped_release release;
      model_->score({rows.values(), rows.rows() * rows.width()},
                    {out.values(), rows.rows() * model_->n_outputs()}, nullptr,
                    offsets ? offsets->data() : nullptr);
    }
    return out.take();
  }

  nb::dict predict(nb::handle data, nb::handle offset, const std::string& unseen) const {
    bool from_data = offset.is_none() && model_->offset_column();
    Records records =
        reader_.read(data, {.unseen_is_error = unseen_is_error(unseen), .with_offset = from_data});
    std::size_t rows = records.rows;
    std::size_t width = model_->n_outputs();
    std::vector<double> out(rows * width);
    std::vector<std::int32_t> labels(rows);
    std::optional<std::vector<double>> offsets = read_offset(offset, rows);
    if (from_data) offsets = std::move(records.offsets);
    {
      nb::gil_scoped_release release;
      model_->score(records.values, out, labels.data(), offsets ? offsets->data() : nullptr);
    }
    nb::dict result;
    if (model_->info().is_classifier()) result["predict"] = name_labels(labels);
    for (std::size_t k = 0; k < width; ++k) {
      const nb::str& name = names_[k];
      if (result.contains(name))
        throw RowError("output name '" + model_->output_names()[k] + "' is not unique: use score()");
      result[name] = output_column(out, k, rows, width);
    }
    return result;
  }

  std::optional<Vector> word_vector(const std::string& word) const {
    const float* vector = words().find(word);
    if (!vector) return std::nullopt;
    return to_vector({vector, vector + words().width()});
  }

  Vector sentence_vector(const std::vector<std::string>& sentence) const {
    return to_vector(words().average(sentence));
  }

  std::vector<std::string> feature_names() const {
    const std::vector<std::string>& columns = model_->info().columns;
    return {columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(model_->n_features())};
  }

  std::map<std::string, std::vector<std::string>> domains() const {
    std::map<std::string, std::vector<std::string>> result;
    for (std::size_t i = 0; i < model_->n_features(); ++i) {
      const std::optional<Domain>& domain = model_->info().domains[i];
      if (domain) result[model_->info().columns[i]] = *domain;
    }
    return result;
  }

  std::optional<std::vector<std::string>> response_domain() const {
    if (!model_->info().is_classifier()) return std::nullopt;
    return model_->info().response_domain();
  }

 private:
  const WordVectors& words() const {
    const WordVectors* words = model_->scorer().word_vectors();
    if (!words) throw UnsupportedError("a " + model_->algorithm() + " model holds no words");
    return *words;
  }

  static Vector to_vector(std::vector<float> values) {
    auto kept = std::make_unique<std::vector<float>>(std::move(values));
    nb::capsule owner(kept.get(), [](void* p) noexcept { delete static_cast<std::vector<float>*>(p); });
    std::vector<float>& owned = *kept.release();
    return Vector(owned.data(), {owned.size()}, owner);
  }

  // None, one number for all rows, or one number per row.
  static std::optional<std::vector<double>> read_offset(nb::handle offset, std::size_t rows) {
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

  static bool unseen_is_error(const std::string& unseen) {
    if (unseen != "na" && unseen != "error") throw nb::value_error("unseen must be 'na' or 'error'");
    return unseen == "error";
  }

  nb::list name_labels(const std::vector<std::int32_t>& labels) const {
    nb::list names;
    for (std::int32_t label : labels) {
      if (label < 0) {
        names.append(nb::none());  // an ordinal model without any likely class
      } else {
        names.append(names_[static_cast<std::size_t>(label)]);
      }
    }
    return names;
  }

  static nb::object output_column(const std::vector<double>& out, std::size_t k, std::size_t rows,
                                  std::size_t width) {
    NumpyArray column(rows);
    for (std::size_t i = 0; i < rows; ++i) column.values()[i] = out[i * width + k];
    return column.take();
  }

  std::unique_ptr<const Model> model_;
  RecordReader reader_;
  std::vector<nb::str> names_;  // of the outputs
};

PyModel load(const std::filesystem::path& path) {
  std::unique_ptr<const Model> model;
  try {
    nb::gil_scoped_release release;
    model = load_model(path.string());
  } catch (const FileError& error) {
    errno = error.code;
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.what());
    throw nb::python_error();
  }
  return PyModel(std::move(model));
}

}  // namespace
}  // namespace mojo

NB_MODULE(_core, m) {
  using mojo::PyModel;
  namespace docs = mojo::docs;

  // Models that live until the process ends are no leak worth a page on stderr.
  nb::set_leak_warnings(false);
  m.doc() = "Scores H2O-3 MOJO files natively.";

  nb::exception<mojo::Error> error(m, "MojoError", PyExc_Exception);
  nb::exception<mojo::FormatError>(m, "FormatError", error.ptr());
  nb::exception<mojo::UnsupportedError>(m, "UnsupportedError", error.ptr());
  nb::exception<mojo::RowError>(m, "RowError", error.ptr());

  nb::class_<PyModel>(m, "Model", "A loaded MOJO. Immutable; may be used from several threads.")
      .def_prop_ro(
          "algorithm", [](const PyModel& self) { return self.model().algorithm(); },
          "H2O's short name, such as 'gbm' or 'stackedensemble'.")
      .def_prop_ro(
          "main_algorithm", [](const PyModel& self) { return self.model().main_algorithm(); },
          "The algorithm of a pipeline's main model; otherwise the same as algorithm.")
      .def_prop_ro(
          "category", [](const PyModel& self) { return self.model().info().category; },
          "'Binomial', 'Multinomial', 'Ordinal', 'Regression' or 'DimReduction'.")
      .def_prop_ro("feature_names", &PyModel::feature_names,
                   "Input columns, in the order of score()'s matrix; a new list each time.")
      .def_prop_ro("domains", &PyModel::domains,
                   "Levels of each categorical input column; a new dict each time.")
      .def_prop_ro(
          "output_names", [](const PyModel& self) { return self.model().output_names(); },
          "Names of score()'s columns: class labels, ['predict'] or ['PC1', ...].")
      .def_prop_ro("response_domain", &PyModel::response_domain,
                   "Class labels, or None where the target is no level.")
      .def_prop_ro(
          "default_threshold", [](const PyModel& self) { return self.model().info().default_threshold; },
          "Probability of the second class from which predict() names it.")
      .def_prop_ro(
          "offset_column", [](const PyModel& self) { return self.model().offset_column(); },
          "The column that predict() reads offsets from; None where the model has none or ignores it.")
      .def_prop_ro(
          "h2o_version", [](const PyModel& self) { return self.model().info().h2o_version; },
          "The H2O that wrote the file.")
      .def_prop_ro(
          "mojo_version", [](const PyModel& self) { return self.model().info().mojo_version; },
          "Version of the algorithm's format.")
      .def_prop_ro(
          "uuid", [](const PyModel& self) { return self.model().info().uuid; },
          "H2O's checksum of the model.")
      .def_prop_ro(
          "deviations", [](const PyModel& self) { return self.model().scorer().deviations(); },
          "Where h2o-genmodel, and so this model, answers otherwise than one would expect: a sentence each.")
      .def_prop_ro(
          "nbytes", [](const PyModel& self) { return self.model().nbytes(); }, "Bytes held in memory.")
      .def_prop_ro(
          "deviations", [](const PyModel& self) { return self.model().scorer().deviations(); },
          "Where genmodel, and so this scorer, departs from what a reader of H2O's documentation expects.")
      .def("matrix", &PyModel::matrix, "data"_a, nb::kw_only(), "unseen"_a = "na",
           nb::sig("def matrix(self, data: Records, *, unseen: Unseen = 'na') -> Matrix"), docs::matrix)
      .def("matrix_and_counts", &PyModel::matrix_and_counts, "data"_a, nb::kw_only(), "unseen"_a = "na",
           nb::sig("def matrix_and_counts(self, data: Records, *, unseen: Unseen = 'na') -> tuple[Matrix, "
                   "dict[str, dict[str, int]]]"),
           docs::matrix_and_counts)
      .def("score", &PyModel::score, "rows"_a, "offset"_a = nb::none(),
           nb::sig("def score(self, rows: Matrix, offset: Offset | None = None) -> Matrix"), docs::score)
      .def("predict", &PyModel::predict, "data"_a, "offset"_a = nb::none(), nb::kw_only(), "unseen"_a = "na",
           nb::sig("def predict(self, data: Records, offset: Offset | None = None, *, unseen: Unseen = 'na') "
                   "-> Predictions"),
           docs::predict)
      .def("word_vector", &PyModel::word_vector, "word"_a,
           nb::sig("def word_vector(self, word: str) -> NDArray[numpy.float32] | None"), docs::word_vector)
      .def("sentence_vector", &PyModel::sentence_vector, "words"_a,
           nb::sig("def sentence_vector(self, words: Sequence[str]) -> NDArray[numpy.float32]"),
           docs::sentence_vector);

  m.def("load", &mojo::load, "path"_a, nb::sig("def load(path: str | os.PathLike[str]) -> Model"),
        docs::load);
}
