#include "pca.hpp"

#include <algorithm>
#include <cmath>

#include "java_numbers.hpp"
#include "level_blocks.hpp"

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

void check_permutation(const std::vector<std::int64_t>& permutation, std::size_t features) {
  std::vector<bool> seen(features);
  for (std::int64_t at : permutation) {
    if (at < 0 || at >= static_cast<std::int64_t>(features) || seen[at]) {
      throw FormatError("model.ini: permutation holds " + std::to_string(at) +
                        ", outside of the columns or twice");
    }
    seen[at] = true;
  }
}

}  // namespace

std::unique_ptr<Scorer> read_pca(const ModelSource& source) {
  const ModelInfo& info = source.info;
  info.require_version(1.00, 1.00);
  const InfoValues& values = info.values;
  auto features = static_cast<std::int64_t>(info.n_features);
  auto model = std::make_unique<Pca>();
  std::int64_t categories = values.count("ncats", 0, features);
  std::int64_t numbers = values.count("nnums", 0, features);
  model->all_levels = values.flag("use_all_factor_levels", false);
  model->permutation = values.integers("permutation", categories + numbers);
  check_permutation(model->permutation, info.n_features);
  if (numbers > 0) {
    model->sub = values.numbers("normSub", numbers);
    model->mul = values.numbers("normMul", numbers);
  }
  model->offsets = values.integers("catOffsets", categories + 1);
  check_level_blocks("catOffsets", model->offsets);

  std::vector<std::uint8_t> bytes;
  source.read("eigenvectors_raw", bytes);
  // Bounds first: the product of two claims is only taken once both are known to fit the bytes.
  auto cells = static_cast<std::int64_t>(bytes.size() / sizeof(double));
  std::int64_t rows = values.count("eigenvector_size", 1, cells);
  std::int64_t width = values.count("k", 1, cells);
  if (rows * width != cells || bytes.size() % sizeof(double) != 0 ||
      rows != model->offsets.back() + numbers) {
    throw FormatError("eigenvectors_raw: " + std::to_string(bytes.size()) + " bytes do not hold " +
                      std::to_string(rows) + " rows of " + std::to_string(width) + " components");
  }
  model->components = width;
  ByteReader reader(bytes, "eigenvectors_raw");
  model->eigenvectors.reserve(cells);
  while (reader.left() > 0) model->eigenvectors.push_back(reader.big_double());
  return model;
}

}  // namespace mojo
