#include "tree_scorer.hpp"

#include "text_values.hpp"

namespace mojo {
namespace {

// Very old files do not say: one tree votes for both of two classes, unless each has its own.
std::size_t default_trees_per_group(const ModelInfo& info) {
  return info.n_classes == 2 && !info.values.flag("binomial_double_trees", false) ? 1 : info.n_classes;
}

}  // namespace

void TreeScorer::read_trees(const ModelSource& source) {
  source.info.require_version(1.00, 1.40);
  // Without it a model of encoded columns would pass for a plain one.
  if (parse_number("mojo_version", source.info.mojo_version) >= 1.40)
    source.info.values.text("_genmodel_encoding");
  trees = TreeEnsemble::read(source, read_trees_per_group(source.info, default_trees_per_group(source.info)));
  calibration_ = Calibration::read(source);
}

}  // namespace mojo
