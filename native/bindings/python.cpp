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
using Floats = nb::ndarray<nb::numpy, float, nb::ndim<2>, nb::c_contig>;
using Ints = nb::ndarray<nb::numpy, std::int32_t, nb::ndim<2>, nb::c_contig>;

// The operating system's errors become Python's.
[[noreturn]] void raise_file_error(const FileError& error) {
  errno = error.code;
  PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.what());
  throw nb::python_error();
}

template <class Value>
nb::capsule own(std::vector<Value>& values) {
  auto kept = std::make_unique<std::vector<Value>>(std::move(values));
  nb::capsule owner(kept.get(), [](void* p) noexcept { delete static_cast<std::vector<Value>*>(p); });
  kept.release();
  return owner;
}

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
      const InputColumn& input = model_->inputs()[k];
      const char* name = input.name.c_str();
      std::size_t unseen_gaps = std::isnan(input.unseen) ? levels[k] : 0;
      if (gaps[k] > unseen_gaps) missing[name] = gaps[k] - unseen_gaps;
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

  std::optional<std::string> calibration() const {
    std::string method = model_->calibration_method();
    return method.empty() ? std::nullopt : std::optional(method);
  }

  nb::object calibrate(nb::handle given) const {
    require_calibration();
    MatrixView scores(given);
    if (scores.width() != 2)
      throw RowError("scores have " + std::to_string(scores.width()) + " columns, two classes have 2");
    NumpyArray out(scores.rows(), 2);
    model_->calibrate({scores.values(), scores.rows() * 2}, {out.values(), scores.rows() * 2});
    return out.take();
  }

  nb::dict predict(nb::handle data, nb::handle offset, bool calibrated, const std::string& unseen) const {
    // Else the first word would be called no number.
    if (model_->scorer().word_vectors()) throw RowError(kWordsNotRows);
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
    if (calibrated) {
      std::vector<double> probabilities(out.size());
      model_->calibrate(out, probabilities);
      std::vector<std::string> names = model_->calibrated_names();
      for (std::size_t k = 0; k < width; ++k)
        result[nb::str(names[k].c_str())] = output_column(probabilities, k, rows, width);
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

  std::vector<std::string> contribution_names() const { return model_->explainer().contribution_names(); }

  Floats contributions(nb::handle data, const std::string& unseen) const {
    Records records = reader_.read(data, {.unseen_is_error = unseen_is_error(unseen)});
    std::vector<float> out;
    std::size_t width = 0;
    ask([&] {
      width = model_->explainer().contribution_names().size();
      out.resize(records.rows * width);
      model_->explain(records.values, width, out.data(), &Explainer::contribute);
    });
    float* data_start = out.data();
    return Floats(data_start, {records.rows, width}, own(out));
  }

  std::vector<std::string> tree_names() const { return model_->explainer().tree_names(); }

  nb::tuple leaf_assignment(nb::handle data, const std::string& unseen) const {
    Records records = reader_.read(data, {.unseen_is_error = unseen_is_error(unseen)});
    std::vector<LeafPlace> places;
    std::size_t width = 0;
    ask([&] {
      width = model_->explainer().tree_names().size();
      places.resize(records.rows * width);
      model_->explain(records.values, width, places.data(), &Explainer::find_leaves);
    });
    nb::list paths;
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < records.rows; ++i) {
      nb::list of_row;
      for (std::size_t k = 0; k < width; ++k) {
        const LeafPlace& place = places[i * width + k];
        if (place.path) {
          of_row.append(nb::str(place.path->c_str()));
        } else {
          of_row.append(nb::none());
        }
        ids.push_back(place.id);
      }
      paths.append(of_row);
    }
    if (!model_->explainer().has_leaf_ids()) return nb::make_tuple(paths, nb::none());
    std::int32_t* ids_start = ids.data();
    return nb::make_tuple(paths, Ints(ids_start, {records.rows, width}, own(ids)));
  }

  std::vector<std::string> stage_names() const { return model_->explainer().stage_names(); }

  nb::object staged_predict(nb::handle data, const std::string& unseen) const {
    Records records = reader_.read(data, {.unseen_is_error = unseen_is_error(unseen)});
    std::vector<double> out;
    std::size_t width = 0;
    ask([&] {
      width = model_->explainer().stage_names().size();
      out.resize(records.rows * width);
      model_->explain(records.values, width, out.data(), &Explainer::predict_stages);
    });
    return to_matrix(out, records.rows, width);
  }

  std::vector<std::string> feature_names() const {
    std::vector<std::string> names;
    for (const InputColumn& input : model_->inputs()) names.push_back(input.name);
    return names;
  }

  std::map<std::string, std::vector<std::string>> domains() const {
    std::map<std::string, std::vector<std::string>> result;
    for (const InputColumn& input : model_->inputs()) {
      if (input.levels) result[input.name] = *input.levels;
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
    std::size_t width = values.size();
    float* data = values.data();
    return Vector(data, {width}, own(values));
  }

  // Without the GIL; the first question reads the file again.
  template <class Question>
  static void ask(Question question) {
    try {
      nb::gil_scoped_release release;
      question();
    } catch (const FileError& error) {
      raise_file_error(error);
    }
  }

  void require_calibration() const {
    if (model_->calibration_method().empty())
      throw UnsupportedError("the model was trained without calibrated probabilities (calibrate_model)");
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
    raise_file_error(error);
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
      .def_prop_ro("calibration", &PyModel::calibration,
                   "'platt', 'isotonic', or None where the model has no calibrated probabilities.")
      .def("calibrate", &PyModel::calibrate, "scores"_a,
           nb::sig("def calibrate(self, scores: Matrix) -> Matrix"), docs::calibrate)
      .def("score", &PyModel::score, "rows"_a, "offset"_a = nb::none(),
           nb::sig("def score(self, rows: Matrix, offset: Offset | None = None) -> Matrix"), docs::score)
      .def_prop_ro("contribution_names", &PyModel::contribution_names,
                   "Names of contributions()'s columns; the last is 'BiasTerm'.")
      .def("contributions", &PyModel::contributions, "data"_a, nb::kw_only(), "unseen"_a = "na",
           nb::sig(
               "def contributions(self, data: Records, *, unseen: Unseen = 'na') -> NDArray[numpy.float32]"),
           docs::contributions)
      .def_prop_ro("tree_names", &PyModel::tree_names, "Names of leaf_assignment()'s trees, such as 'T1.C1'.")
      .def("leaf_assignment", &PyModel::leaf_assignment, "data"_a, nb::kw_only(), "unseen"_a = "na",
           nb::sig("def leaf_assignment(self, data: Records, *, unseen: Unseen = 'na') -> "
                   "tuple[list[list[str | None]], NDArray[numpy.int32] | None]"),
           docs::leaf_assignment)
      .def_prop_ro("stage_names", &PyModel::stage_names,
                   "Names of staged_predict()'s columns, such as 'T1.C1'.")
      .def("staged_predict", &PyModel::staged_predict, "data"_a, nb::kw_only(), "unseen"_a = "na",
           nb::sig("def staged_predict(self, data: Records, *, unseen: Unseen = 'na') -> Matrix"),
           docs::staged_predict)
      .def("predict", &PyModel::predict, "data"_a, "offset"_a = nb::none(), nb::kw_only(),
           "calibrated"_a = false, "unseen"_a = "na",
           nb::sig("def predict(self, data: Records, offset: Offset | None = None, *, calibrated: bool = "
                   "False, unseen: Unseen = 'na') -> Predictions"),
           docs::predict)
      .def("word_vector", &PyModel::word_vector, "word"_a,
           nb::sig("def word_vector(self, word: str) -> NDArray[numpy.float32] | None"), docs::word_vector)
      .def("sentence_vector", &PyModel::sentence_vector, "words"_a,
           nb::sig("def sentence_vector(self, words: Sequence[str]) -> NDArray[numpy.float32]"),
           docs::sentence_vector);

  m.def("load", &mojo::load, "path"_a, nb::sig("def load(path: str | os.PathLike[str]) -> Model"),
        docs::load);
}
