// The module mojo_scorer._core: names, signatures and docstrings of the Python face.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "docs.hpp"
#include "python_model.hpp"

namespace nb = nanobind;
using namespace nb::literals;

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
      .def("score_records", &PyModel::score_records, "data"_a, nb::kw_only(), "fill"_a = nb::none(),
           "unseen"_a = "na",
           nb::sig(
               "def score_records(self, data: Records, *, fill: Vector | None = None, unseen: Unseen = 'na') "
               "-> Matrix"),
           docs::score_records)
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

  m.def("load", &PyModel::load, "path"_a, nb::kw_only(), "limits"_a = nb::dict(),
        nb::sig("def load(path: str | os.PathLike[str], *, limits: Limits = {}) -> Model"), docs::load);
}
