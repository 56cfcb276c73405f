#include "pca.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "double_blob.hpp"
#include "java_numbers.hpp"
#include "level_blocks.hpp"
#include "permutation.hpp"

namespace mojo {
namespace {

class Pca final : public Scorer {
 public:
  std::size_t width() const override { return components; }
  std::vector<std::string> value_names() const override {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= width(); ++i) names.push_back("PC" + std::to_string(i));
    return names;
  }
  std::size_t nbytes() const override {
    return (eigenvectors.capacity() + 2 * sub.capacity()) * sizeof(double);
  }
  std::vector<std::string> deviations() const override {
    return {
        "a missing number makes every component NaN, also where the model was trained with impute_missing",
        "a missing or unseen level adds nothing"};
  }
  void prepare(Scratch&) const override {}

  // Each component is its own sum, in Java's order: categorical terms, then numbers.
  void score(const double* row, double, double* preds, Scratch&) const override {
    std::fill_n(preds, components, 0.0);
    for (std::size_t j = 0; j + 1 < offsets.size(); ++j) {
      double value = row[permutation[j]];
      if (std::isnan(value)) continue;
      std::int64_t level = std::int64_t{to_int(value)} - (all_levels ? 0 : 1);
      if (level < 0 || level >= offsets[j + 1] - offsets[j]) continue;
      const double* loadings = &eigenvectors[(offsets[j] + level) * components];
      for (std::size_t i = 0; i < components; ++i) preds[i] += loadings[i];
    }
    std::size_t categories = offsets.size() - 1;
    for (std::size_t j = 0; j < sub.size(); ++j) {
      double scaled = (row[permutation[categories + j]] - sub[j]) * mul[j];
      const double* loadings = &eigenvectors[(offsets.back() + j) * components];
      for (std::size_t i = 0; i < components; ++i) preds[i] += scaled * loadings[i];
    }
  }

  std::size_t components = 0;
  bool all_levels = false;
  std::vector<std::int64_t> permutation;
  std::vector<std::int64_t> offsets;
  std::vector<double> sub, mul;
  std::vector<double> eigenvectors;  // one row per input cell, `components` wide
};

}  // namespace

std::unique_ptr<Scorer> read_pca(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  auto features = static_cast<std::int64_t>(info.n_features);
  auto model = std::make_unique<Pca>();
  std::int64_t categories = values.count("ncats", 0, features);
  std::int64_t numbers = values.count("nnums", 0, features);
  model->all_levels = values.flag("use_all_factor_levels");
  model->permutation = values.integers("permutation", categories + numbers);
  check_permutation("permutation", model->permutation, info.n_features);
  if (numbers > 0) {
    model->sub = values.numbers("normSub", numbers);
    model->mul = values.numbers("normMul", numbers);
  }
  model->offsets = values.integers("catOffsets", categories + 1);
  check_level_blocks("catOffsets", model->offsets);

  std::int64_t rows = model->offsets.back() + numbers;
  if (values.count("eigenvector_size", 1, std::numeric_limits<std::int32_t>::max()) != rows)
    throw FormatError("model.ini: eigenvector_size is not " + std::to_string(rows));
  model->components = values.count("k", 1, std::numeric_limits<std::int32_t>::max());
  model->eigenvectors = read_doubles(source, "eigenvectors_raw", rows, model->components);
  return model;
}

}  // namespace mojo
