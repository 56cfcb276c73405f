// What scorers of a TreeEnsemble share: the sums of the trees, one row or many, then the algorithm's own end.
#pragma once

#include <algorithm>
#include <optional>

#include "calibration.hpp"
#include "scorer.hpp"
#include "shared_tree_explainer.hpp"
#include "tree_ensemble.hpp"

namespace mojo {

class TreeScorer : public Scorer {
 public:
  void prepare(Scratch& scratch) const override { trees.prepare(scratch); }
  std::size_t nbytes() const override { return trees.nbytes(); }

  void score(const double* row, double offset, double* preds, Scratch& scratch) const override {
    std::fill_n(preds, width(), 0.0);
    trees.sum(row, preds + first(), scratch);
    finish(row, offset, preds);
  }

  void score_rows(const RowBlock& rows, double* preds, Scratch& scratch) const override {
    std::fill_n(preds, rows.count * width(), 0.0);
    trees.sum_rows(rows, preds + first(), width(), scratch);
    for (std::size_t i = 0; i < rows.count; ++i) finish(rows.row(i), rows.offset(i), preds + i * width());
  }

  const Calibration* calibration() const override { return calibration_ ? &*calibration_ : nullptr; }

  std::unique_ptr<Explainer> explainer(const ModelSource& source) const override {
    return make_shared_tree_explainer(*this, source);
  }
  virtual ContributionRule contribution_rule(const ModelSource&) const {
    return {"h2o-genmodel has contributions for gbm, drf and xgboost only"};
  }

  // What all of them keep in the file alike. Throws FormatError, UnsupportedError.
  void read_trees(const ModelSource& source);

  // The sums stand in `preds`, class by class, behind the place of the label where there is one; the rest is
  // 0. Turns them into Java's answer.
  virtual void finish(const double* row, double offset, double* preds) const = 0;

  // Where in `preds` the sum of the first class goes.
  virtual std::size_t first() const { return width() == 1 ? 0 : 1; }
  std::size_t groups() const { return trees.groups(); }
  std::size_t classes() const { return trees.classes(); }

 private:
  TreeEnsemble trees;
  std::optional<Calibration> calibration_;
};

}  // namespace mojo
