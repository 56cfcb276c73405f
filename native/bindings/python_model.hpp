// A model as Python sees it: records or matrices in, NumPy arrays out.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"
#include "record_matrix.hpp"

namespace mojo {

using FloatVector = nanobind::ndarray<nanobind::numpy, float, nanobind::ndim<1>>;
using FloatMatrix = nanobind::ndarray<nanobind::numpy, float, nanobind::ndim<2>, nanobind::c_contig>;
using IntMatrix = nanobind::ndarray<nanobind::numpy, std::int32_t, nanobind::ndim<2>, nanobind::c_contig>;

// The docstrings of the methods are in docs.hpp.
class PyModel {
 public:
  // Reads the file without the GIL. The operating system's errors become Python's.
  static PyModel load(const std::filesystem::path& path, const std::map<std::string, std::int64_t>& limits);

  const Model& model() const { return *model_; }
  std::vector<std::string> feature_names() const;
  std::map<std::string, std::vector<std::string>> domains() const;
  std::optional<std::vector<std::string>> response_domain() const;
  std::optional<std::string> calibration() const;

  nanobind::object matrix(nanobind::handle data, std::string_view unseen) const;
  nanobind::tuple matrix_and_counts(nanobind::handle data, std::string_view unseen) const;
  nanobind::object score(nanobind::handle given, nanobind::handle offset) const;
  nanobind::object score_records(nanobind::handle data, nanobind::handle fill, std::string_view unseen) const;
  nanobind::dict predict(nanobind::handle data, nanobind::handle offset, bool calibrated,
                         std::string_view unseen) const;
  nanobind::object calibrate(nanobind::handle given) const;

  std::vector<std::string> contribution_names() const;
  FloatMatrix contributions(nanobind::handle data, std::string_view unseen) const;
  std::vector<std::string> tree_names() const;
  nanobind::tuple leaf_assignment(nanobind::handle data, std::string_view unseen) const;
  std::vector<std::string> stage_names() const;
  nanobind::object staged_predict(nanobind::handle data, std::string_view unseen) const;

  std::optional<FloatVector> word_vector(const std::string& word) const;
  FloatVector sentence_vector(const std::vector<std::string>& sentence) const;

 private:
  PyModel(std::unique_ptr<const Model> model, std::vector<LevelTable> tables);

  Records read(nanobind::handle data, std::string_view unseen) const;
  // As Model::score, without the GIL where that takes long.
  void score_rows(std::span<const double> rows, std::span<double> out, std::int32_t* labels,
                  const double* offsets) const;
  void require_calibration() const;
  nanobind::list name_labels(const std::vector<std::int32_t>& labels) const;

  std::unique_ptr<const Model> model_;
  RecordReader reader_;
  std::vector<nanobind::str> names_;  // of the outputs
  nanobind::str label_column_;
  std::optional<std::string> repeated_name_;  // of an output: predict() cannot answer with both
};

// Throws Python's OSError.
[[noreturn]] void raise_file_error(const FileError& error);

}  // namespace mojo
