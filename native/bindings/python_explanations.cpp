// What a model says besides its scores: contributions, leaves, stages; and the vectors of words.
#include "numpy_arrays.hpp"
#include "python_model.hpp"
#include "word_vectors.hpp"

namespace nb = nanobind;

namespace mojo {
namespace {

// What an explainer says about each row: `width` values per row.
template <class Value>
struct Said {
  std::size_t rows, width;
  std::vector<Value> values;
};

// Without the GIL; the first question reads the file again.
template <class Value>
Said<Value> ask(const Model& model, const Records& records,
                std::vector<std::string> (Explainer::*names)() const,
                void (Explainer::*question)(const double*, Value*) const) {
  try {
    nb::gil_scoped_release release;
    std::size_t width = (model.explainer().*names)().size();
    Said<Value> said{records.rows, width, std::vector<Value>(records.rows * width)};
    model.explain(records.values, width, said.values.data(), question);
    return said;
  } catch (const FileError& error) {
    raise_file_error(error);
  }
}

// The vector becomes the array's memory.
template <class Array, class Value>
Array to_array(std::vector<Value> values, std::initializer_list<std::size_t> shape) {
  auto kept = std::make_unique<std::vector<Value>>(std::move(values));
  Value* start = kept->data();
  nb::capsule owner(kept.get(), [](void* p) noexcept { delete static_cast<std::vector<Value>*>(p); });
  kept.release();
  return Array(start, shape, owner);
}

nb::list name_paths(const Said<LeafPlace>& said) {
  nb::list paths;
  for (std::size_t i = 0; i < said.rows; ++i) {
    nb::list of_row;
    for (std::size_t k = 0; k < said.width; ++k) {
      const std::optional<std::string>& path = said.values[i * said.width + k].path;
      if (path) {
        of_row.append(nb::str(path->c_str()));
      } else {
        of_row.append(nb::none());
      }
    }
    paths.append(of_row);
  }
  return paths;
}

const WordVectors& words_of(const Model& model) {
  const WordVectors* words = model.scorer().word_vectors();
  if (!words) throw UnsupportedError("a " + model.algorithm() + " model holds no words");
  return *words;
}

}  // namespace

std::vector<std::string> PyModel::contribution_names() const {
  return model_->explainer().contribution_names();
}

FloatMatrix PyModel::contributions(nb::handle data, std::string_view unseen) const {
  Records records = read(data, unseen);
  Said<float> said = ask<float>(*model_, records, &Explainer::contribution_names, &Explainer::contribute);
  return to_array<FloatMatrix>(std::move(said.values), {said.rows, said.width});
}

std::vector<std::string> PyModel::tree_names() const { return model_->explainer().tree_names(); }

nb::tuple PyModel::leaf_assignment(nb::handle data, std::string_view unseen) const {
  Records records = read(data, unseen);
  Said<LeafPlace> said = ask<LeafPlace>(*model_, records, &Explainer::tree_names, &Explainer::find_leaves);
  nb::list paths = name_paths(said);
  if (!model_->explainer().has_leaf_ids()) return nb::make_tuple(paths, nb::none());
  std::vector<std::int32_t> ids;
  for (const LeafPlace& place : said.values) ids.push_back(place.id);
  return nb::make_tuple(paths, to_array<IntMatrix>(std::move(ids), {said.rows, said.width}));
}

std::vector<std::string> PyModel::stage_names() const { return model_->explainer().stage_names(); }

nb::object PyModel::staged_predict(nb::handle data, std::string_view unseen) const {
  Records records = read(data, unseen);
  Said<double> said = ask<double>(*model_, records, &Explainer::stage_names, &Explainer::predict_stages);
  return copy_to_matrix(said.values, said.rows, said.width);
}

std::optional<FloatVector> PyModel::word_vector(const std::string& word) const {
  const WordVectors& words = words_of(*model_);
  const float* vector = words.find(word);
  if (!vector) return std::nullopt;
  return to_array<FloatVector>(std::vector<float>(vector, vector + words.width()), {words.width()});
}

FloatVector PyModel::sentence_vector(const std::vector<std::string>& sentence) const {
  std::vector<float> average = words_of(*model_).average(sentence);
  std::size_t width = average.size();
  return to_array<FloatVector>(std::move(average), {width});
}

}  // namespace mojo
