// Explanations of GBM, random forests and isolation forests.
#pragma once

#include <memory>

#include "explainer.hpp"
#include "model_source.hpp"

namespace mojo {

class TreeScorer;

// How the TreeSHAP values of the trees become those of the model.
struct ContributionRule {
  std::string refusal;  // not empty: why there are none
  float bias = 0;       // what the margin starts from
  int divisor = 0;      // not 0: every value but 0 is divided by it, and
  float added = 0;      // this is added to each
};

// `scorer` must outlive the explainer. Throws FormatError, UnsupportedError.
std::unique_ptr<Explainer> make_shared_tree_explainer(const TreeScorer& scorer, const ModelSource& source);

}  // namespace mojo
