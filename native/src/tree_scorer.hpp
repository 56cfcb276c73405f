// What scorers of a TreeEnsemble share: the sums of the trees, one row or many, then the algorithm's own end.
#pragma once

#include <algorithm>

#include "scorer.hpp"
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

  TreeEnsemble trees;

 protected:
  // The sums stand in `preds`, class by class, behind the place of the label where there is one; the rest is
  // 0. Turns them into Java's answer.
  virtual void finish(const double* row, double offset, double* preds) const = 0;

 private:
  std::size_t first() const { return width() == 1 ? 0 : 1; }
};

}  // namespace mojo
