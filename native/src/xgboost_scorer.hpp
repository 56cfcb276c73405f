// A booster in memory: the row becomes what its trees ask about, and their float32 sums become an answer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "booster_explainer.hpp"
#include "calibration.hpp"
#include "class_label.hpp"
#include "compiled_trees.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "scorer.hpp"
#include "xgboost_booster.hpp"

namespace mojo {

enum class BoosterObjective { logistic, exponential, softprob, raw };

class Xgboost final : public Scorer {
 public:
  std::size_t width() const override { return classes == 1 ? 1 : classes + 1; }
  std::size_t nbytes() const override {
    std::size_t coefficients = linear ? linear->coefficients.capacity() * sizeof(float) : 0;
    return trees.nbytes() + coefficients + offsets.capacity() * sizeof(std::int64_t);
  }
  const Calibration* calibration() const override { return calibrated ? &*calibrated : nullptr; }
  std::unique_ptr<Explainer> explainer(const ModelSource& source) const override {
    BoosterFrame frame{
        {}, cells(), base, [this](const double* row, float* vector) { fill_cells(row, vector); }};
    for (std::size_t i = 0; i < source.info.n_features; ++i) {
      const std::string& name = source.info.columns[i];
      const std::optional<Domain>& domain = source.info.domains[i];
      if (domain) {
        for (std::string_view level : *domain) frame.names.push_back((name + ".").append(level));
      }
      frame.names.push_back(domain ? name + ".missing(NA)" : name);
    }
    return make_booster_explainer(std::move(frame), groups, source);
  }

  OffsetUse offset_use() const override { return has_offset ? OffsetUse::needed : OffsetUse::refused; }

  void prepare(Scratch& scratch) const override {
    trees.prepare(scratch);
    scratch.doubles.resize(features());
    scratch.floats.resize(groups + (linear ? cells() : 0));
  }

  void score(const double* row, double offset, double* preds, Scratch& scratch) const override {
    score_rows({row, features(), 1, &offset}, preds, scratch);
  }

  void score_rows(const RowBlock& rows, double* preds, Scratch& scratch) const override {
    grow(scratch.doubles, rows.count * features());
    grow(scratch.floats, rows.count * groups + (linear ? cells() : 0));
    double* encoded = scratch.doubles.data();
    float* margins = scratch.floats.data();
    for (std::size_t i = 0; i < rows.count; ++i) {
      encode(rows.row(i), encoded + i * features());
      std::fill_n(margins + i * groups, groups, sums_before_base ? 0.0F : start(rows.offset(i)));
    }
    RowBlock block{encoded, features(), rows.count};
    if (linear) {
      add_linear(rows, margins, margins + rows.count * groups);
    } else if (rows.count == 1) {
      trees.add(encoded, margins, scratch);
    } else {
      trees.add_rows(block, margins, groups, scratch);
    }
    for (std::size_t i = 0; i < rows.count; ++i) {
      float* outputs = margins + i * groups;
      for (std::size_t g = 0; sums_before_base && g < groups; ++g) outputs[g] += start(rows.offset(i));
      finish(rows.row(i), outputs, preds + i * width());
    }
  }

  CompiledTrees trees;
  std::optional<Booster> linear;  // booster gblinear, which has no trees
  std::optional<Calibration> calibrated;
  std::size_t groups = 1;
  BoosterObjective objective = BoosterObjective::raw;
  float base = 0;
  bool sums_before_base = false;  // up to version 1.2
  std::vector<std::int64_t> offsets;
  std::size_t numbers = 0;
  bool all_levels = true;
  bool sparse = false;
  bool has_offset = false;  // the offset takes the place of the base, also when it is 0
  std::size_t classes = 1;
  double threshold = 0.5;
  std::vector<double> priors;

 private:
  std::size_t categories() const { return offsets.size() - 1; }
  std::size_t features() const { return categories() + numbers; }
  std::size_t cells() const { return static_cast<std::size_t>(offsets.back()) + numbers; }
  float start(double offset) const { return has_offset ? static_cast<float>(offset) : base; }

  template <class T>
  static void grow(std::vector<T>& room, std::size_t size) {
    if (room.size() < size) room.resize(size);
  }

  // What the trees ask about. Categories: the lit cell of the column's block, whose last cell stands for
  // missing and unknown levels; NaN where none is lit. Numbers: as floats.
  void encode(const double* row, double* encoded) const {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 0; i < categories(); ++i) {
      std::int64_t last = offsets[i + 1] - offsets[i] - 1;
      std::int64_t cell = last;
      if (!std::isnan(row[i])) cell = std::min(last, std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1));
      encoded[i] = cell < 0 ? nan : static_cast<double>(cell);
    }
    for (std::size_t i = categories(); i < features(); ++i) {
      auto value = static_cast<float>(row[i]);
      encoded[i] = sparse && value == 0.0F ? nan : static_cast<double>(value);
    }
  }

  // The vector that XGBoost itself is asked with: one-hot cells, then the numbers.
  void fill_cells(const double* row, float* vector) const {
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    std::fill_n(vector, offsets.back(), sparse ? nan : 0.0F);
    for (std::size_t i = 0; i < categories(); ++i) {
      std::int64_t last = offsets[i + 1] - offsets[i] - 1;
      std::int64_t cell = last;
      if (!std::isnan(row[i])) cell = std::min(last, std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1));
      if (cell >= 0) vector[offsets[i] + cell] = 1.0F;
    }
    float* values = vector + offsets.back();
    for (std::size_t i = 0; i < numbers; ++i) {
      values[i] = static_cast<float>(row[categories() + i]);
      if (sparse && values[i] == 0.0F) values[i] = nan;
    }
  }

  void add_linear(const RowBlock& rows, float* margins, float* vector) const {
    for (std::size_t i = 0; i < rows.count; ++i) {
      fill_cells(rows.row(i), vector);
      for (std::size_t g = 0; g < groups; ++g)
        margins[i * groups + g] = linear->add_linear(g, vector, margins[i * groups + g]);
    }
  }

  void finish(const double* row, float* outputs, double* preds) const {
    transform(outputs);
    if (classes == 1) {
      preds[0] = outputs[0];
      return;
    }
    if (classes == 2) {
      preds[1] = static_cast<double>(1.0F - outputs[0]);
      preds[2] = outputs[0];
    } else {
      for (std::size_t c = 0; c < classes; ++c) preds[c + 1] = outputs[c];
    }
    preds[0] = choose_label({preds, width()}, {row, features()}, priors, threshold);
  }

  static float exp_float(float x) { return static_cast<float>(java_exp(static_cast<double>(x))); }

  void transform(float* outputs) const {
    switch (objective) {
      case BoosterObjective::logistic: outputs[0] = 1.0F / (1.0F + exp_float(-outputs[0])); break;
      case BoosterObjective::exponential: outputs[0] = exp_float(outputs[0]); break;
      case BoosterObjective::softprob: {
        float largest = outputs[0];
        for (std::size_t g = 1; g < groups; ++g) largest = java_max(largest, outputs[g]);
        double sum = 0;
        for (std::size_t g = 0; g < groups; ++g) {
          outputs[g] = exp_float(outputs[g] - largest);
          sum += static_cast<double>(outputs[g]);
        }
        for (std::size_t g = 0; g < groups; ++g) outputs[g] /= static_cast<float>(sum);
        break;
      }
      case BoosterObjective::raw: break;
    }
  }
};

}  // namespace mojo
