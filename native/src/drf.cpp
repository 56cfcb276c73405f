#include "drf.hpp"

#include "class_label.hpp"
#include "model_details.hpp"
#include "tree_scorer.hpp"

namespace mojo {
namespace {

class Drf final : public TreeScorer {
 public:
  std::size_t width() const override { return n_classes == 1 ? 1 : n_classes + 1; }
  OffsetUse offset_use() const override { return OffsetUse::none; }

  ContributionRule contribution_rule(const ModelSource& source) const override {
    if (double_trees) return {"h2o-genmodel has no contributions for forests with binomial_double_trees"};
    std::optional<int> used = count_used_variables(source);
    if (!used)
      return {"experimental/modelDetails.json has no variable importances, which contributions need"};
    auto count = static_cast<int>(groups());
    if (n_classes == 1) return {"", 0, count};
    return {"", 0, -count, 1.0F / static_cast<float>(*used + 1)};
  }

  std::size_t n_classes = 1;
  bool double_trees = false;  // two classes with a tree each, instead of one for the first class
  ClassRule rule;

  void finish(const double* row, double, double* preds) const override {
    auto count = static_cast<double>(groups());
    if (n_classes == 1) {
      preds[0] /= count;
      return;
    }
    if (n_classes == 2 && !double_trees) {
      preds[1] /= count;
      preds[2] = 1 - preds[1];
    } else {
      double sum = 0;
      for (std::size_t c = 1; c <= n_classes; ++c) sum += preds[c];
      if (sum > 0) {
        for (std::size_t c = 1; c <= n_classes; ++c) preds[c] /= sum;
      }
    }
    rule.apply(row, {preds, width()});
  }
};

}  // namespace

std::unique_ptr<Scorer> read_drf(const ModelSource& source) {
  auto model = std::make_unique<Drf>();
  model->n_classes = source.info.n_classes;
  model->double_trees = source.info.values.flag("binomial_double_trees");
  model->rule = ClassRule::read(source.info);
  model->read_trees(source);
  return model;
}

}  // namespace mojo
