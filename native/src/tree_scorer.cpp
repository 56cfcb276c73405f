#include "tree_scorer.hpp"

namespace mojo {
namespace {

// Very old files do not say: one tree votes for both of two classes, unless each has its own.
std::size_t default_trees_per_group(const ModelInfo& info) {
  return info.n_classes == 2 && !info.values.flag("binomial_double_trees", false) ? 1 : info.n_classes;
}

}  // namespace

void TreeScorer::read_trees(const ModelSource& source) {
  source.info.require_version(1.00, 1.40);
  trees = TreeEnsemble::read(source, read_trees_per_group(source.info, default_trees_per_group(source.info)));
  calibration_ = Calibration::read(source);
}

}  // namespace mojo
