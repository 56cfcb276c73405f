// A generalized additive model in memory: its smooth terms become cells of the row, the rest is a GLM.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "errors.hpp"
#include "gam_spline.hpp"
#include "glm_answer.hpp"
#include "java_math.hpp"
#include "java_numbers.hpp"
#include "scorer.hpp"

namespace mojo {

struct GamTerm {
  std::unique_ptr<GamSpline> spline;
  std::vector<std::size_t> predictors;  // places in the row
  std::size_t first_cell = 0;
};

class Gam final : public Scorer {
 public:
  std::size_t width() const override { return answer.width(); }
  std::size_t nbytes() const override {
    std::size_t bytes = (beta.capacity() + modes.capacity() + means.capacity()) * sizeof(double);
    for (const GamTerm& term : terms) bytes += term.spline->nbytes();
    return bytes;
  }
  std::vector<std::string> added_columns() const override { return added; }
  std::vector<std::string> deviations() const override { return strays; }

  // The row, the predictors of a term, then what its spline works in.
  void prepare(Scratch& scratch) const override {
    std::size_t predictors = 0, room = 0, cells = 0;
    for (const GamTerm& term : terms) {
      predictors = std::max(predictors, term.predictors.size());
      room = std::max(room, term.spline->room());
      cells = std::max(cells, term.spline->cells());
    }
    scratch.doubles.resize(features + predictors + room + cells);
  }

  void score(const double* given, double, double* preds, Scratch& scratch) const override {
    double* row = scratch.doubles.data();
    std::copy_n(given, features, row);
    bool expanded =
        std::any_of(row + first_cell, row + features, [](double cell) { return !std::isnan(cell); });
    if (!expanded) {
      for (const GamTerm& term : terms) expand(term, given, row);
    }
    if (imputes) fill_gaps(row);
    if (answer.kind == GlmKind::ordinal) return score_ordinal(row, preds);
    answer.write([&](std::size_t c) { return eta_of(c, row); }, preds);
  }

  GlmAnswer answer;
  std::size_t features = 0;  // of model.ini: categories, numbers, cells of the terms
  std::size_t first_cell = 0;
  std::size_t categories = 0;
  bool all_levels = false;
  bool imputes = false;
  std::vector<double> modes, means;
  std::vector<std::int64_t> offsets;  // one-hot cells of the categorical columns
  std::vector<double> beta;           // per class: cells, numbers, intercept
  std::size_t per_class = 0;
  std::vector<GamTerm> terms;
  std::vector<std::string> added;   // predictors of the terms that are no features themselves
  std::vector<std::string> strays;  // what is not as it should be

 private:
  void expand(const GamTerm& term, const double* given, double* row) const {
    double* x = row + features;
    for (std::size_t i = 0; i < term.predictors.size(); ++i) {
      x[i] = given[term.predictors[i]];
      if (std::isnan(x[i])) return;
    }
    double* cells = x + term.predictors.size();
    term.spline->expand(x, cells, cells + term.spline->cells());
    if (term.first_cell + term.spline->cells() > features)
      throw RowError("genmodel has no room for the cells of a smooth column");
    std::copy_n(cells, term.spline->cells(), row + term.first_cell);
  }

  void fill_gaps(double* row) const {
    for (std::size_t i = 0; i < categories; ++i) {
      if (std::isnan(row[i])) row[i] = modes[i];
    }
    for (std::size_t i = 0; i < means.size(); ++i) {
      if (std::isnan(row[categories + i])) row[categories + i] = means[i];
    }
  }

  double eta_of(std::size_t of_class, const double* row) const {
    const double* coefficients = &beta[of_class * per_class];
    double eta = 0;
    for (std::size_t i = 0; i < categories; ++i) {
      std::int64_t level = std::int64_t{to_int(row[i])} - (all_levels ? 0 : 1);
      if (level >= 0 && level < offsets[i + 1] - offsets[i]) eta += coefficients[offsets[i] + level];
    }
    const double* of_numbers = coefficients + offsets[categories];
    for (std::size_t i = categories; i < features; ++i) eta += of_numbers[i - categories] * row[i];
    return eta + coefficients[per_class - 1];
  }

  void score_ordinal(const double* row, double* preds) const {
    std::size_t classes = answer.classes;
    double before = 0;
    preds[0] = static_cast<double>(classes - 1);
    for (std::size_t c = classes - 1; c-- > 0;) {
      preds[c + 1] = eta_of(c, row);
      if (preds[c + 1] > 0) preds[0] = static_cast<double>(c);  // the first of them
    }
    for (std::size_t c = 0; c + 1 < classes; ++c) {
      double reached = 1 / (1 + java_exp(-preds[c + 1]));
      preds[c + 1] = reached - before;
      before = reached;
    }
    preds[classes] = 1 - before;
  }
};

}  // namespace mojo
